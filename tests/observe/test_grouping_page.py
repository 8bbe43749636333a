from typing import Any

from penstock.grouping.counts import Counts
from penstock.observe.grouping_page import GROUPING_METRICS, put_grouping
from tests.support.samples import Samples


def test_workers_add_up() -> None:
    one = Counts()
    one.groups, one.waiting, one.led, one.held, one.released, one.left = 1, 2, 3, 4, 5, 6
    one.waited, one.shared_bytes, one.forgotten, one.alone["dear"] = 0.5, 700, 8, 9
    page: Any = Samples(GROUPING_METRICS, "penstock_grouping_")
    put_grouping(page, [one.dump(), one.dump()])
    told = page.of
    assert told["groups",] == 2
    assert told["waiting",] == 4
    assert [told["calls_total", name] for name in ("led", "held", "released", "left")] == [6, 8, 10, 12]
    assert told["wait_seconds_total",] == 1.0
    assert told["shared_bytes_total",] == 1400
    assert told["forgotten_total",] == 16
    assert told["alone_total", "dear"] == 18
    assert told["alone_total", "size"] == 0


def test_without_the_room_there_is_nothing_to_tell() -> None:
    page: Any = Samples(GROUPING_METRICS, "penstock_grouping_")
    put_grouping(page, [])
    assert page.of == {}
