"""The metrics of streams that are kept so that their callers may come back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.observe.page import Page

RESUME_METRICS: dict[str, tuple[str, str]] = {
    "penstock_resume_streams": ("gauge", "Streams kept so that a caller may come back, running and finished."),
    "penstock_resume_total": (
        "counter",
        "Streams kept, continued by a caller, and not kept because there are too many.",
    ),
}


def put_resume(page: Page, dumps: Sequence[Mapping[str, int]]) -> None:
    """Write what the workers counted, if the room is there."""
    if not dumps:
        return
    running = sum(dump["running"] for dump in dumps)
    page.put("penstock_resume_streams", running, state="running")
    page.put("penstock_resume_streams", sum(dump["kept"] for dump in dumps) - running, state="finished")
    for result in ("opened", "resumed", "refused"):
        page.put("penstock_resume_total", sum(dump[result] for dump in dumps), result=result)
