"""What came of sharing: gauges of now, and counters. Pure. Leaves: a ``dump`` of plain values."""

from __future__ import annotations

from typing import Any

REASONS = ("flights", "readers", "memory")
"""Why a call that could have shared a flight went alone: a bound was reached."""


class Counts:
    """The numbers of one worker. ``kept`` are bytes of all flights; ``outgrown`` flights became too long to be joined;
    ``detached`` and ``cut`` readers were too slow; ``saved`` calls were answered by the flight of another."""

    __slots__ = (
        "alone", "cut", "detached", "flights", "joined", "kept", "led", "outgrown", "readers", "saved", "saved_tokens",
    )  # fmt: skip

    def __init__(self) -> None:
        self.flights = 0
        self.readers = 0
        self.kept = 0
        self.led = 0
        self.joined = 0
        self.saved = 0
        self.saved_tokens = 0
        self.outgrown = 0
        self.detached = 0
        self.cut = 0
        self.alone = dict.fromkeys(REASONS, 0)

    def dump(self) -> dict[str, Any]:
        """All numbers as plain values."""
        return {
            "flights": self.flights,
            "readers": self.readers,
            "led": self.led,
            "joined": self.joined,
            "saved": self.saved,
            "saved_tokens": self.saved_tokens,
            "outgrown": self.outgrown,
            "detached": self.detached,
            "cut": self.cut,
            "alone": dict(self.alone),
        }

    def __repr__(self) -> str:
        return f"<Counts {self.flights} flights, {self.readers} readers, {self.kept}B kept>"
