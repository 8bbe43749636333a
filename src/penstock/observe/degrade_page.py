"""The metrics of calls that were given less, merged over workers. Pure.

Enters: what each worker dumped of them. Leaves: samples on a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.observe.page import Page
from penstock.observe.sums import by_pair

DEGRADE_METRICS: dict[str, tuple[str, str]] = {
    "penstock_degraded_total": (
        "counter",
        "Calls that were given less, by what of (max_tokens, model, cache_stale: an answer whose time was over) and"
        " priority class.",
    ),
    "penstock_degrade_opted_out_total": (
        "counter",
        "Calls that would have been, and whose callers wanted all or none.",
    ),
    "penstock_degrade_step": ("gauge", "Workers on which a step of the ladder is on, by its number."),
}


def put_degrade(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``degrade`` of each worker) say together."""
    if not dumps:
        return
    on: Counter[int] = Counter()
    for dump in dumps:
        on.update(dump["on"])
    for (kind, name), number in sorted(by_pair(dumps, "calls").items()):
        page.put("penstock_degraded_total", number, kind=kind, priority=name)
    page.put("penstock_degrade_opted_out_total", sum(dump["opted_out"] for dump in dumps))
    for step in range(1, max(dump["steps"] for dump in dumps) + 1):
        page.put("penstock_degrade_step", on[step], step=step)
