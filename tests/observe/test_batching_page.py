from typing import Any

from penstock.batching.counts import SIZES, WAITS, Counts
from penstock.observe import batching_page
from penstock.observe.batching_page import BATCHING_METRICS, put_batching
from penstock.observe.histogram import Histogram


class Samples:
    """What was put, by name and labels."""

    def __init__(self) -> None:
        self.of: dict[tuple[Any, ...], float] = {}

    def put(self, name: str, value: float, **labels: object) -> None:
        assert name in BATCHING_METRICS
        key = (name.removeprefix("penstock_batching_"), *labels.values())
        assert key not in self.of
        self.of[key] = value

    def put_histogram(self, name: str, histogram: Histogram, **labels: object) -> None:
        self.put(name, histogram.count)
        if name.endswith("items"):
            self.put("penstock_batching_callers_total", histogram.sum, of=name)


def dump(fixed: float) -> dict[str, Any]:
    counts = Counts()
    counts.left(3, 2)
    counts.waited(0.5)
    counts.waiting, counts.spared, counts.splits, counts.rejected = 1, 4, 5, 6
    counts.batches["embeddings", "ok"] = 7
    counts.alone["embeddings", "free"] = 8
    row = {"operation": "embeddings", "model": "m", "fixed_seconds": fixed, "item_seconds": 0.5}
    return counts.dump() | {"learned": [row]}


def test_workers_add_up_and_what_they_learned_is_averaged() -> None:
    page = Samples()
    put_batching(page, [dump(1.0), dump(3.0)])
    assert page.of == {
        ("waiting",): 2, ("batches_total", "embeddings", "ok"): 14, ("items",): 2,
        ("callers_total", "penstock_batching_items"): 6, ("wait_seconds",): 2,
        ("callers_total",): 4, ("saved_calls_total",): 8, ("splits_total",): 10, ("failed_alone_total",): 12,
        ("alone_total", "embeddings", "free"): 16,
        ("fixed_seconds", "embeddings", "m"): 2.0, ("item_seconds", "embeddings", "m"): 0.5,
    }  # fmt: skip


def test_without_the_room_there_is_nothing_to_tell() -> None:
    page = Samples()
    put_batching(page, [])
    assert page.of == {}


def test_its_bounds_are_those_that_are_counted_by() -> None:
    assert (batching_page.SIZES, batching_page.WAITS) == (SIZES, WAITS)
