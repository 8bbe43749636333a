"""How long upstreams take, learned from the calls that led groups. Pure; times are passed in.

Two numbers an upstream: seconds a byte of a prompt that was computed whole, and seconds of a call whose beginning was
there already. 0 where nothing was learned. Bounded in upstreams.
"""

from __future__ import annotations

WEIGHT = 0.25
"""Of a new observation against all before."""
MOST_UPSTREAMS = 256
LATER = 1.25
"""The expected time to the first token, times this: a whole answer does not show it."""


class Pace:
    """See the module."""

    __slots__ = ("_per_byte", "_turn")

    def __init__(self) -> None:
        self._per_byte: dict[str, float] = {}
        self._turn: dict[str, float] = {}

    def computed(self, upstream: str, size: int, seconds: float) -> None:
        """A prompt of ``size`` bytes, new there, had its first token after ``seconds``."""
        if size > 0:
            _learn(self._per_byte, upstream, seconds / size)

    def took(self, upstream: str, seconds: float) -> None:
        """A call whose beginning was there already took so long in all."""
        _learn(self._turn, upstream, seconds)

    def computing(self, upstream: str, size: int) -> float:
        """Seconds that computing ``size`` bytes takes there."""
        return self._per_byte.get(upstream, 0.0) * size

    def slowest(self, size: int) -> float:
        """The same where it is not known where: at the slowest."""
        return max(self._per_byte.values(), default=0.0) * size

    def turn(self, upstream: str) -> float:
        """Seconds of a call whose beginning is there."""
        return self._turn.get(upstream, 0.0)

    def pays(self, upstream: str, size: int, ahead: int) -> bool:
        """Whether waiting for ``ahead`` calls costs less than computing ``size`` bytes again. Unknown: yes."""
        turn, computing = self.turn(upstream), self.computing(upstream, size)
        return not turn or not computing or ahead * turn < computing

    def __repr__(self) -> str:
        return f"<Pace of {len(self._per_byte)} upstreams>"


def _learn(table: dict[str, float], name: str, value: float) -> None:
    known = table.get(name)
    if known is None:
        if len(table) >= MOST_UPSTREAMS:
            table.clear()
        table[name] = value
    else:
        table[name] = known + WEIGHT * (value - known)
