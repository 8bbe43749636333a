import json

from penstock.simulate.scaling.contest import Point
from penstock.simulate.scaling.page import page
from penstock.simulate.scaling.play import Trail
from penstock.simulate.scaling.pool import Tally
from penstock.simulate.scaling.report import plain, text

POINTS = [
    Point(name, setting, Tally(paid=hours * 3600, starting=360.0, calls=1000.0, late=late))
    for name, setting, hours, late in (("hpa", 0.5, 20.0, 1.0), ("hpa", 0.9, 10.0, 50.0), ("forecast", 19.0, 9.0, 1.0))
]


def test_the_table_tells_each_setting_and_what_ours_saves() -> None:
    told = text(POINTS, 8.0)
    assert "hpa" in told
    assert "1.125" in told  # nine hours of eight
    assert "-55.0%" in told  # 9 of 20 at a violation in a thousand
    assert len({len(line.rstrip()) for line in told.split("\n\n")[0].splitlines()}) == 1


def test_the_same_for_programs() -> None:
    told = json.loads(json.dumps(plain(POINTS, 8.0)))
    assert told["policies"]["hpa"]["points"][0]["starting_hours"] == 0.1
    assert [one["best_reactive"] for one in told["equal"]].count("hpa") >= 4


def test_the_page_stands_alone_and_is_escaped() -> None:
    made = page("A <b>", {"load": "x & y"}, POINTS, 8.0, Trail([1.0, 2.0], [2.0, 2.0], [0.0, 0.5]))
    assert "http:" not in made
    assert "<script" not in made
    assert "A &lt;b&gt;" in made
    assert "x &amp; y" in made
    assert made.count("<svg") == 2
    assert made.count("<polyline") == 4
    assert page("A", {}, POINTS, 8.0, None).count("<svg") == 1
