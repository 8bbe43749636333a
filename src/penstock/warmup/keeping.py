"""When to look after the idle connections of each upstream. Pure; moments are passed in.

Enters: what a look found. Leaves: the names that are due. An upstream that cannot be reached, or that closes what was
opened without a word, is asked ever more seldom: never more than one connection a ``LONGEST`` in the end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

Dial = Callable[[float], Awaitable[int]]
"""Opens what is lacking, so that connections are there for so many seconds more. Gives how many it opened."""

BEAT = 5.0
LONGEST = 300.0


class Pace:
    """See the module. ``beat``: seconds between two looks; ``ahead``: a connection that ends sooner counts as gone."""

    def __init__(self, beat: float = BEAT, longest: float = LONGEST) -> None:
        self.beat = beat
        self.ahead = 2 * beat
        self._longest = longest
        self._pauses: dict[str, tuple[float, float]] = {}
        """By name: the pause, and the moment when it is over."""

    def due(self, names: Iterable[str], now: float) -> list[str]:
        """Those of ``names`` to look after now; of others nothing is remembered any more."""
        there = list(names)
        self._pauses = {name: known for name in there if (known := self._pauses.get(name)) is not None}
        return [name for name in there if name not in self._pauses or now >= self._pauses[name][1]]

    def opened(self, name: str, number: int, now: float) -> None:
        """A look opened so many. Where it had to at every look, somebody closes them as fast."""
        pause = self._pauses.get(name, (0.0, 0.0))[0]
        self._rest(name, min(self._longest, 2 * pause or self.beat) if number else pause / 2, now)

    def failed(self, name: str, now: float) -> None:
        """A look could open none."""
        self._rest(name, min(self._longest, 2 * self._pauses.get(name, (0.0, 0.0))[0] or 2 * self.beat), now)

    def _rest(self, name: str, pause: float, now: float) -> None:
        if pause < self.beat:
            self._pauses.pop(name, None)
        else:
            self._pauses[name] = (pause, now + pause)

    def __repr__(self) -> str:
        return f"<Pace every {self.beat:g} s, {len(self._pauses)} rest>"
