"""What a start spent its time on: spans of one clock, in the order in which they ended. Pure; moments are passed in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

MOST_SPANS = 500


class Span(NamedTuple):
    """Seconds of the monotonic clock, which all processes of a machine share. ``how``: what came of it, "" for well."""

    name: str
    began: float
    ended: float
    how: str = ""


class Marks:
    """The spans since ``began``. Each mark ends one that began with the mark before."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.spans: list[Span] = []
        self._last = began

    def mark(self, name: str, now: float) -> None:
        """What went on since the last mark was ``name``."""
        self.add([Span(name, self._last, now)])
        self._last = now

    def add(self, spans: Iterable[Span]) -> None:
        """Others, that went on beside."""
        self.spans += list(spans)[: MOST_SPANS - len(self.spans)]

    def rows(self) -> list[list[Any]]:
        """As plain values, for another process."""
        return [list(span) for span in self.spans]

    def __repr__(self) -> str:
        return f"<Marks {len(self.spans)} spans>"
