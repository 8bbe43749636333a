"""Gauges of one worker between two readings: levels, growth, and the worst of what was sampled meanwhile. Pure.

Enters: samples, and running totals when it is read. Leaves: numbers by name (``core.windows.GAUGES``); what could not
be measured is absent.
"""

from __future__ import annotations


class Meter:
    """See the module."""

    def __init__(self) -> None:
        self._worst: dict[str, float] = {}
        self._levels: dict[str, float] = {}
        self._totals: dict[str, tuple[float, float]] = {}

    def note(self, name: str, value: float) -> None:
        """A sample: the worst one since the last reading counts."""
        self._worst[name] = max(value, self._worst.get(name, value))

    def hold(self, name: str, value: float | None) -> None:
        """A level, which holds until another is told; None: it cannot be told any more."""
        if value is None:
            self._levels.pop(name, None)
        else:
            self._levels[name] = value

    def rate(self, name: str, total: float, over: float) -> None:
        """By how much ``total`` grew for each by which ``over`` did, since this was last told. What began anew (both
        have shrunk) tells nothing, as what did not go on."""
        before = self._totals.get(name)
        self._totals[name] = total, over
        grown = None if before is None else over - before[1]
        rose = None if before is None else total - before[0]
        self.hold(name, rose / grown if grown and rose is not None and grown > 0 and rose >= 0 else None)

    def grown(self, name: str, total: float) -> None:
        """By how much ``total`` grew since this was last told."""
        before = self._totals.get(name, (0.0, 0.0))[0]
        self._totals[name] = total, 0.0
        self.hold(name, max(0.0, total - before))

    def read(self) -> dict[str, float]:
        """All gauges. What was sampled begins anew."""
        worst, self._worst = self._worst, {}
        return {**self._levels, **worst}

    def __repr__(self) -> str:
        return f"<Meter of {len(self._levels)} levels, {len(self._worst)} sampled>"


def median(values: list[float]) -> float | None:
    """The middle one; None of none."""
    return sorted(values)[len(values) // 2] if values else None
