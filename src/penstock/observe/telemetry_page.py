"""The metrics of what is sent to an OpenTelemetry receiver: taken, dropped, waiting. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.observe.page import Page
from penstock.observe.sums import by_name, by_pair, numbers

TELEMETRY_METRICS: dict[str, tuple[str, str]] = {
    "penstock_telemetry_sent_total": ("counter", "Calls (traces) and data points (metrics) that the receiver took."),
    "penstock_telemetry_dropped_total": (
        "counter",
        "Those that it never will: full (the queue was), refused (by the receiver), stopped (at the end), off.",
    ),
    "penstock_telemetry_requests_total": (
        "counter",
        "Requests to the receiver, by result: ok, failed (tried again), refused.",
    ),
    "penstock_telemetry_queued": ("gauge", "Calls whose traces wait to be sent."),
}


def put_telemetry(page: Page, dumps: Sequence[Mapping[str, Any]]) -> None:
    """Write what the workers counted, if the slice is there."""
    if not dumps:
        return
    sent, dropped = by_name(dumps, "sent"), by_pair(dumps, "dropped")
    for signal in ("traces", "metrics"):
        page.put("penstock_telemetry_sent_total", sent[signal], signal=signal)
    dropped.setdefault(("traces", "full"), 0)
    for (signal, reason), number in sorted(dropped.items()):
        page.put("penstock_telemetry_dropped_total", number, signal=signal, reason=reason)
    for (signal, result), number in sorted(by_pair(dumps, "requests").items()):
        page.put("penstock_telemetry_requests_total", number, signal=signal, result=result)
    page.put("penstock_telemetry_queued", numbers(dumps)["queued"])
