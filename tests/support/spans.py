"""Windows for tests of what is judged over time: made of calls that are said in a line each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.core.finished import Finished, Record
from penstock.core.windows import Window
from penstock.history.tally import Tally

_NONE = dict.fromkeys(Finished._fields, 0) | {
    "at": 5.0, "id": "r", "operation": "chat", "model": "m", "upstream": "up", "key": "key-1", "tags": "",
    "status": 200, "outcome": "ok", "fault": "", "error": "", "stream": True, "cache": "", "degraded": "", "batch": "",
    "attempts": 1, "hedge": "", "total": 1.0, "first_byte": 0.2, "waited": 0.9, "overhead": 0.001, "tokens_in": 100,
    "tokens_out": 41, "waits": None,
}  # fmt: skip


def call(**facts: Any) -> Record:
    """A stream of ``m`` at ``up``: first token after 0.2 s, then 0.8 s for 40 gaps."""
    return tuple((_NONE | facts).values())


def failed(fault: str = "upstream", **facts: Any) -> Record:
    """A call that ended with an error."""
    return call(**{"fault": fault, "error": "upstream_failed", "outcome": "error", "status": 502, "first_byte": 0.0,
                   "tokens_out": 0} | facts)  # fmt: skip


def hit(**facts: Any) -> Record:
    """A call that the cache answered."""
    return call(**{"cache": "hit-exact", "upstream": "", "attempts": 0, "total": 0.002, "first_byte": 0.001,
                   "waited": 0.0} | facts)  # fmt: skip


def window(start: float, calls: Iterable[Record] = (), gauges: dict[str, float] | None = None) -> Window:
    """The ten seconds from ``start`` on, with these calls in it."""
    tally = Tally(start)
    tally.take(calls)
    tally.close(start + 10.0, gauges or {})
    return tally.over(start - 1.0)[0]


def windows(number: int, calls: Iterable[Record] = (), gauges: dict[str, float] | None = None,
            start: float = 0.0) -> list[Window]:  # fmt: skip
    """So many in a row, all alike."""
    made = list(calls)
    return [window(start + 10.0 * place, made, gauges) for place in range(number)]
