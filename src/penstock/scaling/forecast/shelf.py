"""All series that are forecast: which there are, whose turn it is to learn, and whose to be written down. Pure.

Enters: the steps that ended. Leaves: series by name, each behind or ready. Bounded: beyond ``most``, a new name takes
the place of one that had no traffic for a day, or is left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from penstock.scaling.forecast.series import Series, Step

if TYPE_CHECKING:
    from penstock.scaling.forecast.forecaster import Forecaster

QUIET = 86_400.0
SAVE_EVERY = 300.0
Make = Callable[[], "Forecaster"]


class Written(msgspec.Struct, array_like=True):
    """A series as it is stored. ``newest``: the start of the step of its newest value."""

    newest: float
    gaps: int
    state: bytes


class Shelf:
    """Series of one step. ``make`` makes a forecaster."""

    def __init__(self, step: float, most: int, make: Make) -> None:
        self.step = step
        self.most = most
        self._make = make
        self.series: dict[str, Series] = {}
        self.awaited: set[str] = set()
        """New ones whose state of before has not been looked for yet: until then they learn nothing."""
        self.left_out = 0

    def take(self, ended: Step) -> None:
        """A step is over. Names that it does not hold had nothing in it."""
        self.left_out = 0
        for name in ended.amounts:
            if name not in self.series and not self._admit(name, ended.start):
                self.left_out += 1
        for name, series in list(self.series.items()):
            if not series.offer(ended.start, ended.rate(name, self.step)):
                fresh = self.series[name] = Series(self._make())
                fresh.offer(ended.start, ended.rate(name, self.step))

    def _admit(self, name: str, now: float) -> bool:
        if len(self.series) >= self.most:
            quiet = min(self.series, key=lambda one: self.series[one].active)
            if now - self.series[quiet].active < QUIET:
                return False
            self.drop(quiet)
        self.series[name] = Series(self._make())
        self.series[name].active = now
        self.awaited.add(name)
        return True

    def drop(self, name: str) -> None:
        """Forget it."""
        self.series.pop(name, None)
        self.awaited.discard(name)

    def restore(self, name: str, stored: bytes | None) -> bool:
        """The state of before of a new one, None where there is none. What came since is told to it anew. Returns
        whether it could be read."""
        self.awaited.discard(name)
        series = self.series.get(name)
        if series is None or stored is None:
            return False
        try:
            written = msgspec.msgpack.decode(stored, type=Written)
        except msgspec.DecodeError:
            return False
        return series.restore(written.newest, written.gaps, written.state, self._make)

    def begin(self, name: str) -> None:
        """Know nothing of it any more, and look for nothing."""
        self.series[name] = Series(self._make())
        self.awaited.discard(name)

    def behind(self) -> Iterator[tuple[str, Series]]:
        """Those that have something to learn, by name."""
        return ((name, one) for name, one in self.series.items() if one.is_behind and name not in self.awaited)

    def to_save(self, now: float) -> str | None:
        """One whose state was not written down for a while, the longest first."""
        ready = [name for name, one in self.series.items() if one.speaks and one.newest and name not in self.awaited]
        name = min(ready, key=lambda one: self.series[one].saved, default=None)
        return name if name is not None and now - self.series[name].saved >= SAVE_EVERY else None

    def written(self, name: str, now: float) -> bytes:
        """Its state, to be stored."""
        series = self.series[name]
        series.saved = now
        assert series.newest is not None
        return msgspec.msgpack.encode(Written(series.newest, series.gaps, series.forecaster.dump()))

    def __repr__(self) -> str:
        return f"<Shelf of {len(self.series)} series, {self.step:g} s a step>"
