"""What callers thought of answers (``POST /v1/feedback``), as it is kept: the newest of each call, bounded. Pure.

Enters: opinions, as they come and as rows of the log. Leaves: the opinion on a call, rows, and whether a caller may
have calls looked for. A row that cannot be read is passed over.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

MOST_OPINIONS = 10_000
"""Also of rows in the log."""
MOST_KEYS = 10_000
SEARCHES_PER_MINUTE = 30
"""Of one key, for calls that no worker remembers: each may read all of the journal."""
CHANGES_PER_MINUTE = 30
"""Of one key, of what it has said before: each is a row of the log, and drives an older one out."""

_Drawn = OrderedDict[str, tuple[float, float]]
"""By key: how many are left, and when that was so."""


class Opinion(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Stored as an array: new fields come last. ``score``: 0 (bad) to 1; ``at_ms``: Unix time."""

    at_ms: int = 0
    id: str = ""
    key: str = ""
    model: str = ""
    upstream: str = ""
    score: float = 0.0
    label: str = ""
    comment: str = ""

    def told(self) -> dict[str, Any]:
        """For people and programs."""
        said = msgspec.structs.asdict(self)
        return {"at": said.pop("at_ms") / 1000, **said}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Opinion).decode


class Opinions:
    """See the module."""

    def __init__(self) -> None:
        self._of: OrderedDict[tuple[str, str], Opinion] = OrderedDict()
        self._searches: _Drawn = OrderedDict()
        self._changes: _Drawn = OrderedDict()

    def add(self, opinion: Opinion) -> bool:
        """Keep it in place of an older one on the same call. True when it is the first."""
        name = (opinion.key, opinion.id)
        first = name not in self._of
        self._of[name] = opinion
        self._of.move_to_end(name)
        if len(self._of) > MOST_OPINIONS:
            self._of.popitem(last=False)
        return first

    def load(self, stored: bytes) -> None:
        """Keep what a row of the log says."""
        try:
            self.add(_decode(stored))
        except (ValueError, RecursionError):
            return

    def of(self, key: str, id: str) -> Opinion | None:
        """What was thought of a call of ``key``."""
        return self._of.get((key, id))

    def newest(self, count: int) -> list[Opinion]:
        """The last ones, newest first."""
        return list(reversed(self._of.values()))[:count]

    def clear(self) -> None:
        """The log has begun anew."""
        self._of.clear()

    def may_search(self, key: str, now: float) -> bool:
        """Whether one more call may be looked for that no worker remembers."""
        return _draw(self._searches, key, SEARCHES_PER_MINUTE, now)

    def may_change(self, key: str, now: float) -> bool:
        """Whether one more opinion may be put in place of an older one."""
        return _draw(self._changes, key, CHANGES_PER_MINUTE, now)

    def __repr__(self) -> str:
        return f"<Opinions on {len(self._of)} calls>"


def _draw(drawn: _Drawn, key: str, a_minute: int, now: float) -> bool:
    """Take one of what ``key`` may do so often a minute, if one is left."""
    most = float(a_minute)
    left, since = drawn.pop(key, (most, now))
    left = min(most, left + (now - since) * most / 60)
    if len(drawn) >= MOST_KEYS:
        drawn.popitem(last=False)
    drawn[key] = (left - 1 if left >= 1 else left, now)
    return left >= 1


def encoded(opinion: Opinion) -> bytes:
    """A row of the log."""
    return _encode(opinion)
