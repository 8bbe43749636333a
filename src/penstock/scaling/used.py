"""The most that a replica of a pool used of late, hour by hour. Pure: time is passed in."""

from __future__ import annotations

from penstock.scaling.size import Size

HOUR = 3600.0
HOURS = 24


class Used:
    """See the module. It knows the last HOURS, and no more."""

    def __init__(self) -> None:
        self._hours: dict[int, Size] = {}

    def note(self, now: float, use: Size) -> None:
        """What the one that uses most of it uses now."""
        hour = int(now // HOUR)
        known = self._hours.get(hour, Size())
        self._hours[hour] = _most(known, use)
        self._hours = {one: size for one, size in self._hours.items() if one > hour - HOURS}

    @property
    def peak(self) -> Size:
        """The most of each dimension."""
        most = Size()
        for one in self._hours.values():
            most = _most(most, one)
        return most

    @property
    def hours(self) -> float:
        """Of how many something is known."""
        return float(sum(one != Size() for one in self._hours.values()))

    def __repr__(self) -> str:
        return f"<Used {self.peak} in {self.hours:g} h>"


def _most(one: Size, other: Size) -> Size:
    mine, theirs = one.said(), other.said()
    return Size(**{name: max(mine.get(name, 0), theirs.get(name, 0)) for name in {**mine, **theirs}})  # type: ignore[arg-type]
