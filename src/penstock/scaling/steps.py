"""Step scaling: a metric's band says by how many replicas to change. Pure: time is passed in.

Enters: the metric, how many there are. Leaves: how many there should be. The bands and the pause between two changes
are the specification's: below 30 nothing, then 2, 5 and 10 more at 50, 70 and 90, and 20 above; 3 minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BANDS: tuple[tuple[float, int], ...] = ((30.0, 0), (50.0, 2), (70.0, 5), (90.0, 10), (float("inf"), 20))
"""Each band's upper end, which is not in it, and its change."""
COOLDOWN = 180.0
LEAST, MOST = 10, 1000


class Steps:
    """See the module. ``least`` and ``most``: replicas."""

    def __init__(
        self, bands: Sequence[tuple[float, int]] = BANDS, cooldown: float = COOLDOWN, least: int = LEAST,
        most: int = MOST,
    ) -> None:  # fmt: skip
        ends = [end for end, _ in bands]
        if not ends or any(later <= earlier for earlier, later in pairwise(ends)) or ends[-1] != float("inf"):
            raise ValueError("bands must rise, and the last must be endless")
        if not 0 <= least <= most:
            raise ValueError(f"between {least} and {most} replicas there is nothing")
        self._bands = tuple(bands)
        self._cooldown = cooldown
        self.least, self.most = least, most
        self._changed: float | None = None

    def change(self, metric: float) -> int:
        """By how many, by the band alone."""
        return next(change for end, change in self._bands if metric < end or end == float("inf"))

    def wanted(self, metric: float, now: float, current: int) -> int:
        """How many there should be at ``now``; ``current`` while the last change is too near."""
        held = min(self.most, max(self.least, current))
        if held != current:
            return held  # out of bounds: no band is asked
        if self._changed is not None and now - self._changed < self._cooldown:
            return current
        wanted = min(self.most, max(self.least, current + self.change(metric)))
        if wanted != current:
            self._changed = now
        return wanted

    def __repr__(self) -> str:
        return f"<Steps of {len(self._bands)} bands, last change {self._changed}>"
