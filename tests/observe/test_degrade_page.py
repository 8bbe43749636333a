from typing import Any

from penstock.degrade.counts import Counts
from penstock.observe.degrade_page import DEGRADE_METRICS, put_degrade


class Samples:
    """What was put, by name and labels."""

    def __init__(self) -> None:
        self.of: dict[tuple[Any, ...], float] = {}

    def put(self, name: str, value: float, **labels: object) -> None:
        assert name in DEGRADE_METRICS
        self.of[name, *labels.values()] = value


def test_workers_add_up() -> None:
    one = Counts()
    one.note("max_tokens=5, cache_stale", 2)
    one.opted_out, one.steps, one.on = 3, 2, (1,)
    page = Samples()
    put_degrade(page, [one.dump(), one.dump()])  # type: ignore[arg-type]
    assert page.of == {
        ("penstock_degraded_total", "max_tokens", "low"): 2, ("penstock_degraded_total", "cache_stale", "low"): 2,
        ("penstock_degrade_opted_out_total",): 6, ("penstock_degrade_step", 1): 0, ("penstock_degrade_step", 2): 2,
    }  # fmt: skip


def test_without_the_room_there_is_nothing_to_tell() -> None:
    page = Samples()
    put_degrade(page, [])  # type: ignore[arg-type]
    assert page.of == {}
