"""An upstream that is paid by the second: the time of each second is shared by the calls that are there. Pure.

Enters: when calls begin and end. Leaves: the share of each, in parts of a micro-dollar, and what the idle rest costs:
all shares and the rest together are the price of the time that passed. Moments are monotonic seconds.
"""

from __future__ import annotations

from penstock.cost.rates import MICRO, SCALE

_NANO = 10**9


class Rent:
    """See the module. ``dollars``: a second. What a call's share was in each moment is summed up for all calls at once:
    ``_level`` is what a call would owe that had been there from the beginning, so a call owes how much it rose."""

    __slots__ = ("_at", "_idle", "_level", "_rate", "calls")

    def __init__(self, dollars: float, now: float) -> None:
        self._rate = _parts(dollars)
        self._at = round(now * _NANO)
        self._level = self._idle = 0
        self.calls = 0

    def price(self, dollars: float, now: float) -> None:
        """What a second costs from now on."""
        self._advance(now)
        self._rate = _parts(dollars)

    def begin(self, now: float) -> int:
        """A call begins."""
        self._advance(now)
        self.calls += 1
        return self._level

    def end(self, now: float, begun: int) -> int:
        """It has ended. What it owes."""
        self._advance(now)
        self.calls -= 1
        return self._level - begun

    def idle(self, now: float) -> int:
        """What the time without calls has cost since this was last asked, in whole micro-dollars."""
        self._advance(now)
        told, self._idle = divmod(self._idle, SCALE)
        return told

    def _advance(self, now: float) -> None:
        at = round(now * _NANO)
        passed = at - self._at
        if passed <= 0:
            return
        self._at = at
        spent = passed * self._rate // _NANO
        if self.calls:
            self._level += spent // self.calls
        else:
            self._idle += spent

    def __repr__(self) -> str:
        return f"<Rent {self.calls} calls>"


def _parts(dollars: float) -> int:
    return round(dollars * MICRO * SCALE)
