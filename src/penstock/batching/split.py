"""What becomes of the callers of a merged call that failed. Pure.

Enters: the failure (an answer, or what was raised instead of one). Leaves: whether to ask for halves of them, so that
what is wrong with one of them fails alone, or what to tell all of them. An upstream's own words are told to nobody
here: they may quote what another caller sent. May fail: not at all.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TypeVar

from penstock.core.call import Headers
from penstock.core.errors import Fail, UpstreamError

T = TypeVar("T")

WHOLE = frozenset({401, 402, 407, 408, 409, 421, 425, 426, 429, 451})
"""Of the answers from 400 to 499 those that say nothing of single items: routing has tried again what could be."""

REFUSED = "upstream_refused_batch"
_OWN_PHASES = frozenset({"dns", "connect", "tls", "queue", "send", "start", "choose", "drain", "auth"})
"""Where a failure is told in words of ours only."""


def is_for_items(status: int) -> bool:
    """Whether an answer may be about single items, or about how many there are. Some servers say 500 to what is too
    long."""
    return status == 500 or (400 <= status < 500 and status not in WHOLE)


def splits(fail: Fail) -> bool:
    """The same of what was raised: an error inside an answer that had begun well."""
    return fail.code == "upstream_error_event"


def halves(members: Sequence[T]) -> tuple[list[T], list[T]]:
    """The first half, which is the smaller where they differ, and the second."""
    middle = len(members) // 2
    return list(members[:middle]), list(members[middle:])


def of_answer(status: int, headers: Headers, upstream: str, callers: int) -> Fail:
    """What all are told of an answer that is not about items."""
    told = dict(headers)
    wait = _seconds(told.get(b"retry-after-ms"), 1000.0)
    if wait is None:
        wait = _seconds(told.get(b"retry-after"), 1.0)
    return UpstreamError(
        f"upstream '{upstream}' answered {status} to a call of {callers} callers together",
        status=status, code=REFUSED, retryable=status in (408, 409, 425, 429) or status >= 500,
        retry_after=wait, phase="headers", upstream=upstream,
    )  # fmt: skip


def of_fail(fail: Fail) -> Fail:
    """What one of them is told of what was raised."""
    told = copy.copy(fail)
    told.__traceback__ = told.__context__ = told.__cause__ = None
    if fail.fault == "upstream" and fail.phase not in _OWN_PHASES and fail.code != REFUSED:
        told.message = f"the upstream failed a call of several callers together ({fail.phase or fail.code})"
        told.args = (told.message,)
    return told


def _seconds(text: bytes | None, divisor: float) -> float | None:
    """A number of them; None for none, or a date."""
    try:
        seconds = float(text or b"") / divisor
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
