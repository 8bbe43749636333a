"""The composition root's part for the past of a report: what the history has of a span, to its very end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from penstock.core.windows import SPAN, Window

if TYPE_CHECKING:
    from penstock.assemble_watching import History

log = logging.getLogger("penstock")

UNITS = (3600.0, 60.0, SPAN)
"""In what the history is kept, the coarsest first."""


async def past(history: History, since: float, until: float, step: float) -> list[Window]:
    """Windows of about ``step`` seconds, and of what has not ended yet finer ones: minutes of the hour, tens of the
    minute. Where none so fine are kept of that time, coarser ones. ``until`` is the end of a window of ten seconds."""
    unit = next(unit for unit in UNITS if step >= unit or unit == SPAN)
    found: list[Window] = []
    for least in UNITS[UNITS.index(unit) :: -1]:
        try:
            found = await history.between(since, until - until % least, max(least, step - step % least))
        except ValueError as error:
            log.info("the report takes what is coarser: %s", error)
            continue
        unit = least
        break
    for finer in UNITS[UNITS.index(unit) + 1 :]:
        begins, ends = until - until % unit, until - until % finer
        if ends > begins:
            found = found + await history.between(begins, ends, finer)
        unit = finer
    return found
