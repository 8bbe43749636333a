"""The metrics of what is sent to an OpenTelemetry receiver: taken, dropped, waiting. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.observe.page import Page

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
    sent, dropped, requests = Counter[str](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for dump in dumps:
        sent.update(dump["sent"])
        for signal, reason, number in dump["dropped"]:
            dropped[signal, reason] += number
        for signal, result, number in dump["requests"]:
            requests[signal, result] += number
    for signal in ("traces", "metrics"):
        page.put("penstock_telemetry_sent_total", sent[signal], signal=signal)
        dropped[signal, "full"] += 0
    for (signal, reason), number in sorted(dropped.items()):
        page.put("penstock_telemetry_dropped_total", number, signal=signal, reason=reason)
    for (signal, result), number in sorted(requests.items()):
        page.put("penstock_telemetry_requests_total", number, signal=signal, result=result)
    page.put("penstock_telemetry_queued", sum(dump["queued"] for dump in dumps))
