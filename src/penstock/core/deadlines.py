"""A lazy timer wheel: thousands of deadlines that move often and expire seldom, for the price of a comparison.

A watched object has ``due`` (monotonic seconds, or 0 for none), ``wheel_at`` (the wheel's own mark, start it at 0)
and ``expire(now)``. Moving a deadline later is a plain assignment to ``due``; the wheel looks again at the old
moment and re-files it. Moving it earlier needs ``watch``. What has no deadline any more is let go within
``HORIZON_SECONDS``. Resolution: one ``tick``. Source of the idea: hashed timing
wheels (Varghese and Lauck, 1987), with the deletion made lazy.
"""

from __future__ import annotations

import logging
from typing import Protocol

log = logging.getLogger("penstock")

HORIZON_SECONDS = 4.0
"""No item is filed further ahead: one that is over (its connection closed) would be held until then."""


class Timed(Protocol):
    due: float
    wheel_at: float

    def expire(self, now: float) -> None: ...


def _due(item: Timed) -> float:
    return item.due


class Wheel:
    """Deadlines in buckets of ``tick`` seconds. ``turn(now)`` expires what is due; somebody must call it."""

    __slots__ = ("_buckets", "_next", "tick")

    def __init__(self, tick: float, now: float) -> None:
        if tick <= 0:
            raise ValueError("tick must be positive")
        self.tick = tick
        self._buckets: dict[int, list[Timed]] = {}
        self._next = int(now / tick)

    def watch(self, item: Timed) -> None:
        """File ``item`` under its ``due``; cheap when it is already filed at or before that moment."""
        if item.due and not 0 < item.wheel_at <= item.due:
            self._file(item)

    def _file(self, item: Timed) -> None:
        at = min(item.due, self._next * self.tick + HORIZON_SECONDS)
        slot = max(int(at / self.tick) + 1, self._next)
        item.wheel_at = max(at, 1e-9)
        self._buckets.setdefault(slot, []).append(item)

    def turn(self, now: float) -> int:
        """Expire every item whose ``due`` has passed, the earliest first, as if nothing had held the wheel up. Returns
        how many expired."""
        overdue = self._overdue(now)
        overdue.sort(key=_due)  # of a call and what it waits for, it is told which ended first
        expired = 0
        for item in overdue:
            if 0.0 < item.due <= now:  # one that expired before it may have ended it
                expired += 1
                item.due = item.wheel_at = 0.0
                try:
                    item.expire(now)
                except Exception:  # one defect must not cost all others their deadlines
                    log.exception("the deadline of %r failed", item)
            if item.due:  # begun anew, or moved by one that expired before it
                self.watch(item)
        return expired

    def _overdue(self, now: float) -> list[Timed]:
        """Take what has passed off the wheel."""
        found: list[Timed] = []
        last = int(now / self.tick)
        if len(self._buckets) < last - self._next:
            slots = sorted(slot for slot in self._buckets if slot <= last)
        else:
            slots = [slot for slot in range(self._next, last + 1) if slot in self._buckets]
        self._next = last + 1
        for slot in slots:
            for item in self._buckets.pop(slot):
                at = item.wheel_at
                if not at or int(at / self.tick) + 1 > slot:
                    continue  # filed again elsewhere, or no longer watched
                item.wheel_at = 0.0
                if not item.due:
                    continue
                if int(item.due / self.tick) < last:  # by its own slot, whenever it was met: else it overtakes others
                    found.append(item)
                else:
                    self._file(item)
        return found

    def __repr__(self) -> str:
        return f"<Wheel {sum(map(len, self._buckets.values()))} filed in {len(self._buckets)} buckets>"
