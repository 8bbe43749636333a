from penstock.coalesce.counts import Counts
from penstock.observe.coalesce_page import COALESCE_METRICS, put_coalesce
from tests.support.samples import Samples


def test_workers_add_up() -> None:
    one = Counts()
    one.flights, one.readers, one.led, one.joined, one.saved, one.saved_tokens = 1, 3, 5, 9, 8, 70
    one.cut, one.outgrown, one.alone["memory"] = 2, 4, 6
    page = Samples(COALESCE_METRICS, "penstock_coalesce_")
    put_coalesce(page, [one.dump(), one.dump()])
    assert page.of == {
        ("flights",): 2, ("readers",): 6,
        ("calls_total", "led"): 10, ("calls_total", "joined"): 18, ("calls_total", "saved"): 16,
        ("alone_total", "flights"): 0, ("alone_total", "readers"): 0, ("alone_total", "memory"): 12,
        ("outgrown_total",): 8, ("slow_total", "detached"): 0, ("slow_total", "cut"): 4, ("saved_tokens_total",): 140,
    }  # fmt: skip


def test_without_the_room_there_is_nothing_to_tell() -> None:
    page = Samples(COALESCE_METRICS, "penstock_coalesce_")
    put_coalesce(page, [])
    assert page.of == {}
