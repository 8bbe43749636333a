import dataclasses

from penstock.simulate.measures import Measures
from penstock.simulate.page import page
from penstock.simulate.report import against, means, ordered, text

ONE = Measures(100, 0.9, 0.0, 0.1, 0.2, 0.3, 1.0, 2.0, 3.0, 0.02, 0.03, 0.5, 1.1)


def told(**goodputs: list[float]) -> dict[str, list[Measures]]:
    return {name: [dataclasses.replace(ONE, goodput=good) for good in goods] for name, goods in goodputs.items()}


def test_the_best_comes_first_and_differences_are_paired() -> None:
    some = told(bad=[0.5, 0.6, 0.4, 0.5], good=[0.9, 1.0, 0.8, 0.9], near=[0.9, 0.9, 0.9, 0.89])
    assert ordered(some) == ["good", "near", "bad"]
    assert means(some["bad"])["goodput"] == 0.5
    gap = against(some, "bad", "good")
    assert gap.below
    lines = text(some).splitlines()
    assert lines[0].startswith("policy")
    assert [line.split()[0] for line in lines[1:]] == ["good", "near", "bad"]
    assert lines[2].endswith("may be chance")
    assert "-40.0% ± 0.0%" in lines[3]


def test_equal_goodput_is_ordered_by_the_first_token() -> None:
    some = {"slow": [ONE], "quick": [dataclasses.replace(ONE, first_p90=0.1)]}
    assert ordered(some) == ["quick", "slow"]
    assert "±" not in text(some)


def test_the_page_stands_alone_and_is_escaped() -> None:
    some = told(adaptive=[0.9, 0.8], other=[0.5, 0.6])
    some["other"] = [dataclasses.replace(one, total_p90=float("inf")) for one in some["other"]]
    made = page("A <b>", {"trace": "x & y"}, some)
    assert "http:" not in made
    assert "https:" not in made
    assert "<script" not in made
    assert "A &lt;b&gt;" in made
    assert "x &amp; y" in made
    assert made.count("<svg") == 7
    assert made.count('class="ours"') == 7
    assert "inf" not in made
