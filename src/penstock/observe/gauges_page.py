"""The metrics of what a worker reads of itself and of the machine at the end of each ten seconds. Pure.

Enters: what each worker read. Leaves: samples on a page, by worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.observe.page import Page

NAMED: dict[str, str] = {
    "cpu": "penstock_cpu_ratio",
    "memory": "penstock_memory_used_ratio",
    "loop_lag": "penstock_loop_lag_seconds",
    "collector_pause": "penstock_collector_worst_pause_seconds",
    "descriptors": "penstock_descriptors_ratio",
    "queued": "penstock_queued",
    "store_latency": "penstock_store_latency_seconds",
    "disk_free": "penstock_disk_free_ratio",
    "disk_latency": "penstock_disk_latency_seconds",
    "network": "penstock_caller_round_trip_seconds",
    "embedding": "penstock_embedding_seconds",
    "connections_waited": "penstock_connection_wait_seconds",
}
"""By gauge of ``core.windows``: what is not told by another metric already."""
GAUGE_METRICS: dict[str, tuple[str, str]] = {
    "penstock_cpu_ratio": ("gauge", "Share of one core that a worker used in the last ten seconds."),
    "penstock_memory_used_ratio": ("gauge", "Resident memory of a worker as a share of its limit."),
    "penstock_loop_lag_seconds": ("gauge", "The worst delay of a worker's event loop in the last ten seconds."),
    "penstock_collector_worst_pause_seconds": ("gauge", "The worst pause of the collector in the last ten seconds."),
    "penstock_descriptors_ratio": ("gauge", "Open file descriptors as a share of what a worker may open."),
    "penstock_queued": ("gauge", "Calls that wait for a place, a seat or a connection."),
    "penstock_store_latency_seconds": ("gauge", "The slowest answer of the store in the last ten seconds."),
    "penstock_disk_free_ratio": ("gauge", "Free share of the disk that the store's file is on."),
    "penstock_disk_latency_seconds": ("gauge", "A small write and sync beside the store's file, every 30 seconds."),
    "penstock_caller_round_trip_seconds": ("gauge", "Round trip to callers as the kernel measures it, median."),
    "penstock_embedding_seconds": ("gauge", "One trip to the semantic cache's embedder, mean of the last ten seconds."),
    "penstock_connection_wait_seconds": (
        "gauge",
        "What calls that found no idle connection to their upstream waited for one of the pool, mean of the last ten"
        " seconds.",
    ),
}


def put_gauges(page: Page, dumps: Sequence[Mapping[str, Any]]) -> None:
    """Write what ``dumps`` (one a worker: its ``worker`` and what it read) say."""
    for gauge, name in NAMED.items():
        for dump in dumps:
            if gauge in dump:
                page.put(name, dump[gauge], worker=dump["worker"])
