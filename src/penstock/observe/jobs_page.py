"""The metrics of batch jobs, merged over workers. Pure.

Enters: what each worker dumped of them. Leaves: samples on a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.observe.page import Page
from penstock.observe.sums import by_name

JOBS_METRICS: dict[str, tuple[str, str]] = {
    "penstock_jobs": ("gauge", "Batch jobs that have not ended, by state."),
    "penstock_jobs_running": ("gauge", "Batch jobs at work in a worker of this gateway."),
    "penstock_jobs_ended_total": ("counter", "Batch jobs that ended: completed, failed, expired, cancelled."),
    "penstock_jobs_lines_total": (
        "counter",
        "Lines of batch jobs: asked; of these ok, error, again (failed, asked again), full (refused, asked again).",
    ),
    "penstock_jobs_lines_waiting": ("gauge", "Lines of the jobs at work that were not asked yet."),
    "penstock_jobs_lines_in_flight": ("gauge", "Lines now asked."),
    "penstock_jobs_concurrency_limit": ("gauge", "Lines that may be in flight, as upstreams bear them."),
    "penstock_jobs_stalls_total": ("counter", "Tries to write answers down that the disk refused."),
    "penstock_jobs_disk_bytes": ("gauge", "What files and jobs take on disk, as last counted."),
}


def put_jobs(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``jobs`` of each worker) say together."""
    if not dumps:
        return
    states = Counter[str]()
    for dump in dumps:
        states |= Counter(dump["open"])  # each sees all of them
    for state, number in states.items():
        page.put("penstock_jobs", number, state=state)
    page.put("penstock_jobs_running", sum(dump["running"] for dump in dumps))
    for state, number in by_name(dumps, "ended").items():
        page.put("penstock_jobs_ended_total", number, state=state)
    for result, number in by_name(dumps, "lines").items():
        page.put("penstock_jobs_lines_total", number, result=result)
    page.put("penstock_jobs_lines_waiting", sum(dump["waiting"] for dump in dumps))
    page.put("penstock_jobs_lines_in_flight", sum(dump["in_flight"] for dump in dumps))
    page.put("penstock_jobs_concurrency_limit", sum(dump["limit"] for dump in dumps))
    page.put("penstock_jobs_stalls_total", sum(dump["stalled"] for dump in dumps))
    page.put("penstock_jobs_disk_bytes", max(dump["disk"] for dump in dumps))
