"""What the streams of one worker met: gauges of now, counters by action and reason, seconds of delay. Pure.

Leaves: a ``dump`` of plain values. The names are a closed set, so that metrics stay bounded.
"""

from __future__ import annotations

from typing import Any, Literal

Level = Literal["normal", "moderate", "severe"]
ACTIONS: tuple[tuple[str, str], ...] = (
    ("paused", "slow_reader"),
    ("merged", "short"),
    ("merged", "slow_reader"),
    ("delayed", "pressure"),
    ("delayed", "pace"),
    ("delayed", "merge"),
    ("dropped", "nonessential"),
    ("dropped", "lossy"),
    ("cut", "slow_reader"),
    ("cut", "buffer_full"),
    ("cut", "buffers_full"),
    ("pinged", "silence"),
)
DELAYS = ("pressure", "pace", "merge")


class Counts:
    """See the module."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {"normal": 0, "moderate": 0, "severe": 0}
        self.paused = 0
        self._actions: dict[tuple[str, str], int] = dict.fromkeys(ACTIONS, 0)
        self._delays: dict[str, float] = dict.fromkeys(DELAYS, 0.0)

    def add(self, action: str, reason: str, number: int = 1) -> None:
        """``number`` times ``action`` for ``reason``: a pair of ACTIONS."""
        self._actions[action, reason] += number

    def delay(self, reason: str, seconds: float) -> None:
        """Something waited."""
        self._actions["delayed", reason] += 1
        self._delays[reason] += seconds

    def of(self, action: str, reason: str) -> int:
        """How often."""
        return self._actions[action, reason]

    def total(self, action: str) -> int:
        """How often, for whatever reason."""
        return sum(number for (done, _), number in self._actions.items() if done == action)

    def dump(self) -> dict[str, Any]:
        """All numbers as plain lists and dicts."""
        return {
            "levels": dict(self.levels),
            "paused": self.paused,
            "actions": [[action, reason, number] for (action, reason), number in self._actions.items()],
            "delays": dict(self._delays),
        }

    def __repr__(self) -> str:
        return f"<Counts {sum(self.levels.values())} streams, {self.paused} paused>"
