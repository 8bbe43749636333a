from typing import Any

from penstock.observe.admission_page import ADMISSION_METRICS, put_admission
from tests.support.samples import Samples


def worker(load: float, taken: int) -> dict[str, Any]:
    return {
        "door": [taken, 10],
        "load": load,
        "upstreams": [["up", 2, 4]],
        "queues": {
            "door": {"waiting": {"high": 0, "low": 3}, "promoted": {"low": 1}},
            "upstreams": {"waiting": {"high": 1, "low": 0}, "promoted": {"low": 4}},
        },
        "bounds": [0.1, 1.0],
        "waits": {"low": [[5, 1, 0], 1.5]},
        "shed": [["full", "low", 2], ["late", "high", 1]],
        "preempted": {"low": 6},
    }


def test_workers_add_up_and_the_fullest_speaks_for_all() -> None:
    page = Samples(ADMISSION_METRICS, "penstock_admission_")
    put_admission(page, [worker(0.5, 3), worker(1.3, 10)])  # type: ignore[arg-type]
    assert page.of == {
        ("load",): 1.3,
        ("seats", "door"): 20,
        ("seats", "up"): 8,
        ("seats_taken", "door"): 13,
        ("seats_taken", "up"): 4,
        ("waiting", "door", "high"): 0,
        ("waiting", "door", "low"): 6,
        ("waiting", "upstreams", "high"): 2,
        ("waiting", "upstreams", "low"): 0,
        ("wait_seconds", "low"): ([10, 2, 0], 3.0),
        ("shed_total", "full", "low"): 4,
        ("shed_total", "late", "high"): 2,
        ("preempted_total", "low"): 12,
        ("promoted_total", "low"): 10,
    }


def test_without_workers_there_is_nothing() -> None:
    page = Samples(ADMISSION_METRICS, "penstock_admission_")
    put_admission(page, [])  # type: ignore[arg-type]
    assert not page.of
