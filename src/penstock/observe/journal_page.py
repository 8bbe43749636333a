"""The metrics of the journal: rows written, and lost because its store took none. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.observe.page import Page

JOURNAL_METRICS: dict[str, tuple[str, str]] = {
    "penstock_journal_rows_total": (
        "counter",
        "Rows of the journal, by what became of them: written (handed to the store), lost (the store took no more).",
    ),
}


def put_journal(page: Page, dumps: Sequence[Mapping[str, int]]) -> None:
    """Write what the workers counted, if the journal is there."""
    for result in ("written", "lost") if dumps else ():
        page.put("penstock_journal_rows_total", sum(dump[result] for dump in dumps), result=result)
