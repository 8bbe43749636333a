"""The metrics of calls held for each other, merged over workers. Pure.

Enters: what each worker dumped of them. Leaves: samples on a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.observe.page import Page
from penstock.observe.sums import by_name, numbers

GROUPING_METRICS: dict[str, tuple[str, str]] = {
    "penstock_grouping_groups": ("gauge", "Groups of chats of which one is being computed or waits."),
    "penstock_grouping_waiting": ("gauge", "Calls now held for their group."),
    "penstock_grouping_calls_total": (
        "counter",
        "Calls in groups: led (sent first), held, released (sent after what they share was computed, or together), left"
        " (the caller went while it waited).",
    ),
    "penstock_grouping_alone_total": (
        "counter",
        "Calls that could have waited and did not, or no longer, by reason: max_wait, priority, deadline, dear (waiting"
        " costs more than computing), failed (who led), or the bound that was reached: waiting, groups, size.",
    ),
    "penstock_grouping_wait_seconds_total": ("counter", "Seconds that calls were held."),
    "penstock_grouping_shared_bytes_total": (
        "counter",
        "Bytes at the beginning of released calls' prompts that whom they waited for had as well.",
    ),
    "penstock_grouping_forgotten_total": ("counter", "Beginnings thought to be computed that an upstream had no more."),
}


def put_grouping(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``grouping`` of each worker) say together."""
    if not dumps:
        return
    sums = numbers(dumps)
    page.put("penstock_grouping_groups", sums["groups"])
    page.put("penstock_grouping_waiting", sums["waiting"])
    for result in ("led", "held", "released", "left"):
        page.put("penstock_grouping_calls_total", sums[result], result=result)
    for reason, number in by_name(dumps, "alone").items():
        page.put("penstock_grouping_alone_total", number, reason=reason)
    page.put("penstock_grouping_wait_seconds_total", sums["waited"])
    page.put("penstock_grouping_shared_bytes_total", sums["shared_bytes"])
    page.put("penstock_grouping_forgotten_total", sums["forgotten"])
