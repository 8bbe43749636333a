"""The metrics of calls that went together, merged over workers. Pure.

Enters: what each worker dumped of them. Leaves: samples on a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.observe.histogram import Histogram
from penstock.observe.page import Page
from penstock.observe.sums import by_pair

SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0)
WAITS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)

BATCHING_METRICS: dict[str, tuple[str, str]] = {
    "penstock_batching_waiting": ("gauge", "Callers in batches that have not left."),
    "penstock_batching_batches_total": (
        "counter",
        "Merged calls by operation and what they came to: ok, split (failed for an item, or for their number), failed,"
        " mismatched (answered with something else than was asked), left (nobody stayed).",
    ),
    "penstock_batching_items": ("histogram", "Items of the merged calls."),
    "penstock_batching_wait_seconds": ("histogram", "How long callers waited for others."),
    "penstock_batching_callers_total": ("counter", "Callers of merged calls, each time they went in one."),
    "penstock_batching_saved_calls_total": ("counter", "Upstream calls that were not made."),
    "penstock_batching_splits_total": ("counter", "Merged calls that were asked again in halves."),
    "penstock_batching_failed_alone_total": (
        "counter",
        "Calls that failed by themselves after a merged one in which they were had failed.",
    ),
    "penstock_batching_alone_total": (
        "counter",
        "Calls that could have gone with others and went alone: free (nobody to wait for), large (a batch by itself),"
        " unfit (upstreams did not understand merged ones lately), memory, windows (a bound was reached).",
    ),
    "penstock_batching_fixed_seconds": ("gauge", "What a call takes however few items it has, as learned."),
    "penstock_batching_item_seconds": ("gauge", "What each of its items adds, as learned."),
}


def put_batching(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``batching`` of each worker) say together."""
    if not dumps:
        return
    page.put("penstock_batching_waiting", sum(dump["waiting"] for dump in dumps))
    for (operation, outcome), number in by_pair(dumps, "batches").items():
        page.put("penstock_batching_batches_total", number, operation=operation, outcome=outcome)
    sizes, waits = Histogram(SIZES), Histogram(WAITS)
    for dump in dumps:
        sizes.add(dump["sizes"], dump["items"])
        waits.add(dump["waits"], dump["wait_seconds"])
    page.put_histogram("penstock_batching_items", sizes)
    page.put_histogram("penstock_batching_wait_seconds", waits)
    for field, name in (
        ("callers", "callers"), ("spared", "saved_calls"), ("splits", "splits"), ("rejected", "failed_alone"),
    ):  # fmt: skip
        page.put(f"penstock_batching_{name}_total", sum(dump[field] for dump in dumps))
    for (operation, reason), number in by_pair(dumps, "alone").items():
        page.put("penstock_batching_alone_total", number, operation=operation, reason=reason)
    learned: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for dump in dumps:
        for row in dump["learned"]:
            learned.setdefault((row["operation"], row["model"]), []).append(row)
    for column, name in (("fixed_seconds", "fixed_seconds"), ("item_seconds", "item_seconds")):
        for (operation, model), rows in learned.items():
            mean = sum(row[column] for row in rows) / len(rows)
            page.put(f"penstock_batching_{name}", mean, operation=operation, model=model)
