"""What came of holding calls: gauges of now, and counters. Pure. Leaves: a ``dump`` of plain values."""

from __future__ import annotations

from typing import Any

ALONE = ("max_wait", "priority", "deadline", "waiting", "groups", "size", "dear", "failed")
"""Why a call that could have waited for another's computing did not, or no longer."""


class Counts:
    """The numbers of one worker. ``led``: calls that others could wait for; ``held``: that waited; ``released``: that
    were sent after what they share was computed; ``shared_bytes``: of their prompts, what they have in common with
    whom they waited for; ``left``: whose callers went while they waited; ``forgotten``: beginnings that an upstream
    turned out to have no more."""

    __slots__ = (
        "alone", "forgotten", "groups", "held", "led", "left", "released", "shared_bytes", "waited", "waiting",
    )  # fmt: skip

    def __init__(self) -> None:
        self.groups = 0
        self.waiting = 0
        self.led = 0
        self.held = 0
        self.released = 0
        self.left = 0
        self.forgotten = 0
        self.shared_bytes = 0
        self.waited = 0.0
        self.alone = dict.fromkeys(ALONE, 0)

    def dump(self) -> dict[str, Any]:
        """All numbers as plain values."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "alone"}
        return plain | {"alone": dict(self.alone)}

    def __repr__(self) -> str:
        return f"<Counts {self.groups} groups, {self.waiting} waiting>"
