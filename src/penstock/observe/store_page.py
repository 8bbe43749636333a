"""The metrics of the store, merged over workers. Pure.

Enters: what each worker dumped of its store. Leaves: samples on a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.observe.page import Page
from penstock.observe.sums import by_pair

STORE_METRICS: dict[str, tuple[str, str]] = {
    "penstock_store_reachable": ("gauge", "Workers whose store answers, by its kind: memory, sqlite, redis."),
    "penstock_store_operations_total": (
        "counter",
        "What was asked of the store, by what came of it: ok, none (nothing there), away, damaged; of lost writes:"
        " full (the queue), large, lost.",
    ),
    "penstock_store_lost_writes_total": ("counter", "Writes that never reached the store."),
    "penstock_store_queued": ("gauge", "Writes that wait for the store."),
    "penstock_store_queued_bytes": ("gauge", "Bytes of the writes that wait for the store."),
}


def put_store(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``store`` of each worker) say together."""
    if not dumps:
        return
    reachable: Counter[str] = Counter()
    for dump in dumps:
        reachable[dump["kind"]] += bool(dump["reachable"])
    for kind, workers in reachable.items():
        page.put("penstock_store_reachable", workers, kind=kind)
    for (operation, result), number in sorted(by_pair(dumps, "operations").items()):
        page.put("penstock_store_operations_total", number, operation=operation, result=result)
    page.put("penstock_store_lost_writes_total", sum(dump["lost"] for dump in dumps))
    page.put("penstock_store_queued", sum(dump["queued"] for dump in dumps))
    page.put("penstock_store_queued_bytes", sum(dump["queued_bytes"] for dump in dumps))
