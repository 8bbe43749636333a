"""The metrics of the semantic cache."""

from __future__ import annotations

from typing import Any

from penstock.observe.semantic_page import SEMANTIC_METRICS, put_semantic
from tests.support.samples import Samples


def bound(requests: int, estimate: float, stopped: str = "") -> dict[str, Any]:
    return {
        "model": "m", "requests": requests, "estimate": estimate, "low": estimate / 2, "high": estimate * 2,
        "stopped": stopped, "stops": int(bool(stopped)),
    }  # fmt: skip


def worker(**fields: Any) -> dict[str, Any]:
    return {
        "lookups": [["hit", "verified", 3], ["miss", "far", 1]], "shadows": {"right": 2}, "judge": {"same": 1},
        "equal": {"unknown": 4}, "feedback": {"wrong": 1}, "removed": 2, "ready": True, "questions": 10,
        "partitions": 2, "bytes": 500, "probabilities": [[0.9, 0.99], [0, 1, 2], 2.9],
        "embedder": {"state": "well", "trips": 1, "texts": {"embedded": 5, "trips": 5}},
        "bounds": [bound(100, 0.01)],
    } | fields  # fmt: skip


def test_workers_add_up_and_bounds_are_weighed_by_requests() -> None:
    page = Samples(SEMANTIC_METRICS, "penstock_semantic_")
    resting = {"state": "resting", "trips": 2}
    put_semantic(page, [worker(), worker(ready=False, embedder=resting, bounds=[bound(300, 0.03, "too many")])])
    assert page.of["lookups_total", "hit", "verified"] == 6
    assert page.of["probability",] == ([0, 2, 4], 5.8)
    assert page.of["error_ratio", "m", "estimate"] == 0.025
    assert page.of["error_ratio", "m", "high"] == 0.05
    assert (page.of["stopped", "m"], page.of["stops_total", "m"]) == (1, 1)
    assert (page.of["questions",], page.of["ready",]) == (20, 1)
    assert (page.of["embedder_well",], page.of["embedder_trips_total",]) == (1, 3)
    assert page.of["embeddings_total", "embedded"] == 5
    assert ("embeddings_total", "trips") not in page.of
    assert page.of["checks_total", "right"] == 4
    assert page.of["removed_total",] == 4


def test_without_it_nothing_is_said() -> None:
    page = Samples(SEMANTIC_METRICS, "penstock_semantic_")
    put_semantic(page, [])
    assert page.of == {}
    put_semantic(page, [worker(bounds=[bound(0, 0.0)])])
    assert page.of["error_ratio", "m", "estimate"] == 0.0
