from typing import Any

from penstock.memory.pauses import BOUNDS_SECONDS, Pauses
from penstock.observe.collector_page import COLLECTOR_METRICS, PAUSE_SECONDS, put_collector
from penstock.observe.histogram import Histogram


class Samples:
    """What was put, by name and labels."""

    def __init__(self) -> None:
        self.of: dict[tuple[Any, ...], float] = {}
        self.histograms: dict[str, Histogram] = {}

    def put(self, name: str, value: float, **labels: object) -> None:
        assert name in COLLECTOR_METRICS
        key = (name.removeprefix("penstock_"), *labels.values())
        assert key not in self.of
        self.of[key] = value

    def put_histogram(self, name: str, histogram: Histogram, **labels: object) -> None:
        assert name in COLLECTOR_METRICS
        self.histograms[name] = histogram


def dumped(longest: float, mood: str, **leak: Any) -> dict[str, Any]:
    pauses = Pauses()
    pauses.note(0.0, 2, longest, 7, 1)
    pauses.note(0.0, 0, 0.0001, 2, 0)
    told = {"suspicions": {}, "alarms": {}, "clean_ups": 0, "freed": {"collect": 0, "clean up": 0}, **leak}
    return {**pauses.dump(0.0), "made": {"deep": 1}, "mood": mood, "frozen": 100, "leak": told}


def test_workers_add_up() -> None:
    page = Samples()
    put_collector(
        page,
        [
            dumped(0.2, "relaxed", alarms={"tasks": 1}, clean_ups=1, freed={"collect": 5, "clean up": 6}),
            dumped(0.4, "eager", suspicions={"memory": 3}),
        ],
    )
    histogram = page.histograms["penstock_collector_pause_seconds"]
    assert histogram.count == 4
    assert abs(histogram.sum - 0.6002) < 1e-9
    told = page.of
    assert told["collector_longest_pause_seconds",] == 0.4
    assert told["collector_runs_total", 2] == 2
    assert told["collector_freed_total", 2] == 14
    assert told["collector_stuck_total",] == 2
    assert told["collector_placed_total", "deep"] == 2
    assert told["collector_frozen_objects",] == 200
    assert (told["collector_workers", "relaxed"], told["collector_workers", "ordinary"]) == (1, 0)
    assert told["leak_suspicions_total", "memory"] == 3
    assert told["leak_alarms_total", "tasks"] == 1
    assert told["leak_alarms_total", "memory"] == 0
    assert told["leak_clean_ups_total",] == 1
    assert told["leak_freed_bytes_total", "clean up"] == 6


def test_the_bounds_are_those_of_who_measures() -> None:
    assert PAUSE_SECONDS == BOUNDS_SECONDS


def test_without_workers_there_is_nothing_to_tell() -> None:
    page = Samples()
    put_collector(page, [])
    assert page.of == {}
