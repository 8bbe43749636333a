"""The windows of all workers made into one of each span. Pure.

Enters: windows of workers, as they come: late, twice, or not at all. Leaves: one window a span, oldest first, each span
once. A window of a worker counts once; one whose span was given already counts as part of the next.
"""

from __future__ import annotations

from collections.abc import Iterable

from penstock.core.windows import SPAN, Window, joined

LATE_SECONDS = 60.0
"""A worker that did not answer is asked again for what it has of so long before."""


class Gathering:
    """See the module. What began at ``since`` or before does not count."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._given = since
        self._had: dict[int, float] = {}
        """The start of the newest window of each worker."""
        self._late: list[Window] = []

    @property
    def after(self) -> float:
        """Workers are to be asked for windows that began after it."""
        lagging = [start for start in self._had.values() if start >= self._given - LATE_SECONDS]
        return min(lagging, default=self._given)

    def resume(self, since: float) -> None:
        """Begin with what came after ``since`` instead, if nothing was given yet."""
        if not self._had:
            self._since = self._given = since

    def take(self, windows: Iterable[Window]) -> list[Window]:
        """What the workers sent. Gives the spans that are to be told now."""
        found: dict[float, list[Window]] = {}
        newest = dict(self._had)
        for window in sorted(windows, key=lambda window: window.start):
            if window.start <= newest.get(window.worker, self._since):
                continue
            newest[window.worker] = window.start
            if window.start > self._given:
                found.setdefault(window.start, []).append(window)
            else:
                window.gauges = {}  # they tell of then
                self._late.append(window)
        self._had = newest
        spans = []
        for start, beside in found.items():
            spans.append(joined([*beside, *self._late], start, SPAN))
            self._late = []
            self._given = start
        return spans

    def __repr__(self) -> str:
        return f"<Gathering up to {self._given:.0f}, {len(self._had)} workers>"
