"""The metrics of shared flights, merged over workers. Pure.

Enters: what each worker dumped of them. Leaves: samples on a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.observe.page import Page
from penstock.observe.sums import by_name, numbers

COALESCE_METRICS: dict[str, tuple[str, str]] = {
    "penstock_coalesce_flights": ("gauge", "Upstream calls now in flight that equal calls may share."),
    "penstock_coalesce_readers": ("gauge", "Callers that now read from one, the first of each included."),
    "penstock_coalesce_calls_total": (
        "counter",
        "Calls that could share a flight: led (began one), joined, saved (joined, and answered without an upstream call"
        " of their own).",
    ),
    "penstock_coalesce_alone_total": (
        "counter",
        "Calls that could have joined and went alone, by the bound that was reached: flights, readers, memory.",
    ),
    "penstock_coalesce_outgrown_total": ("counter", "Flights that became too long for late readers."),
    "penstock_coalesce_slow_total": ("counter", "Readers too far behind, by what became of them: detached, cut."),
    "penstock_coalesce_saved_tokens_total": ("counter", "Tokens of the answers that joined calls were given."),
}


def put_coalesce(page: Page, dumps: Sequence[dict[str, Any]]) -> None:
    """Write what ``dumps`` (the ``coalesce`` of each worker) say together."""
    if not dumps:
        return
    sums = numbers(dumps)
    page.put("penstock_coalesce_flights", sums["flights"])
    page.put("penstock_coalesce_readers", sums["readers"])
    for result in ("led", "joined", "saved"):
        page.put("penstock_coalesce_calls_total", sums[result], result=result)
    for reason, number in by_name(dumps, "alone").items():
        page.put("penstock_coalesce_alone_total", number, reason=reason)
    page.put("penstock_coalesce_outgrown_total", sums["outgrown"])
    for action in ("detached", "cut"):
        page.put("penstock_coalesce_slow_total", sums[action], action=action)
    page.put("penstock_coalesce_saved_tokens_total", sums["saved_tokens"])
