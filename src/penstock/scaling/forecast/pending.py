"""What was said of each horizon, until it is known what came. Pure.

Enters: at each step some arrays, a row a horizon in each. Leaves: of each horizon the rows that were said when its time
began. A ring a horizon, no longer than it: to keep all horizons for the time of the longest takes four times as much.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.scaling.forecast.past import Floats


class Pending:
    """``steps``: how far ahead each horizon is, whole steps; ``widths``: numbers in a row of each of the arrays."""

    def __init__(self, steps: Floats, *widths: int) -> None:
        self._steps = steps.astype(int)
        self._starts = np.cumsum(self._steps) - self._steps
        self._ends = np.cumsum(widths)
        self._rows = np.zeros((int(self._steps.sum()), int(self._ends[-1])))
        self._count = 0

    def put(self, *parts: Floats) -> None:
        """What is said at this step: each of shape (horizons, width)."""
        self._rows[self._starts + self._count % self._steps] = np.hstack(parts)
        self._count += 1

    def due(self) -> tuple[NDArray[np.intp], list[Floats]]:
        """The horizons of which something was said long enough ago to be judged by what comes now, and what."""
        ready = np.flatnonzero(self._steps <= self._count)
        rows = self._rows[(self._starts + self._count % self._steps)[ready]]
        return ready, np.split(rows, self._ends[:-1], axis=1)

    def clear(self) -> None:
        """Nothing was said."""
        self._count = 0

    def __repr__(self) -> str:
        return f"<Pending of {len(self._steps)} horizons, {self._count} steps>"
