"""Times of day and week in a zone: whether one of them is now, and when it begins and ends. Pure: time is passed in.

Enters: Unix seconds. Raises ValueError for a zone that is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AHEAD_DAYS = 8
"""A week, and what of today is over."""


def zone_of(name: str) -> tzinfo:
    """The zone of that name. Raises ValueError."""
    from zoneinfo import ZoneInfo  # most configs name none: not at every start

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        says = "is no time zone that this machine knows, such as UTC or Europe/Berlin (the package tzdata has them all)"
    raise ValueError(f'"{name}" {says}')


def clock_of(text: str) -> int:
    """Minutes since midnight in ``07:30``."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


class Schedule:
    """Begins on ``days`` at ``begin`` and ends at ``end``, minutes since midnight by the wall; on the day after where
    that is not later. Two equal times are a whole day."""

    def __init__(self, days: Sequence[str], begin: str, end: str, zone: str) -> None:
        self._days = frozenset(DAYS.index(day) for day in days)
        self._begin, self._end = clock_of(begin), clock_of(end)
        self._zone = zone_of(zone)

    def is_now(self, at: float) -> bool:
        """Whether ``at`` lies in it."""
        local = datetime.fromtimestamp(at, self._zone)
        minute = local.hour * 60 + local.minute
        if self._begin < self._end:
            return local.weekday() in self._days and self._begin <= minute < self._end
        if minute >= self._begin:
            return local.weekday() in self._days
        return minute < self._end and (local - timedelta(days=1)).weekday() in self._days

    def edges(self, after: float) -> list[float]:
        """When it begins and ends in the week after that moment, in no order."""
        today = datetime.fromtimestamp(after, self._zone).date()
        found = []
        for ahead in range(-1, AHEAD_DAYS + 1):
            day = today + timedelta(days=ahead)
            if day.weekday() in self._days:
                last = day if self._begin < self._end else day + timedelta(days=1)
                found += [self._moment(day, self._begin), self._moment(last, self._end)]
        return [at for at in found if at > after]

    def _moment(self, day: date, minutes: int) -> float:
        return (datetime.combine(day, time(), self._zone) + timedelta(minutes=minutes)).timestamp()

    def __repr__(self) -> str:
        return f"<Schedule {self._begin} to {self._end} of {len(self._days)} days>"
