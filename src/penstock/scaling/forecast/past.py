"""What has been: a bounded series in equal steps, without holes, and what of it returns each day. Pure.

Enters: one value a step, None where nothing was measured. Leaves: the series with its gaps filled, and daily profiles.
A gap is filled with what was forecast for it, so that nothing is learned from silence that was none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY, WEEK = 86_400.0, 604_800.0
PROFILES = (0.35, 0.12)
"""How much of a profile's value is the newest day's."""
LEVELS = (0.5, 0.2, 0.02)
"""Weights of the newest value in the running means."""
RARE, BRIEF = 0.05, 3
"""Zeros alone, or so few in a row, that are a smaller share than this are gaps in the record; many in a row are gaps
until they last ``SILENCE`` seconds. Where the profile is as small a share of the level they are what is usual."""
SILENCE = 6 * 3600.0


class Past:
    """``step``: seconds between values. ``zeros``: ``gaps`` takes rare ones for gaps, ``real`` none."""

    def __init__(self, step: float, furthest: int, zeros: str = "gaps") -> None:
        if not step > 0:
            raise ValueError(f"a step of {step} seconds is none")
        self.day = max(1, round(DAY / step))
        self.week = 7 * self.day
        self.step = step
        self.zeros = zeros
        self.size = self.week + self.day + furthest
        self._kept = np.zeros(2 * self.size)
        self._end = 0
        self.count = 0
        self.profiles = np.full((len(PROFILES), self.day), np.nan)
        self.levels = np.zeros(len(LEVELS))
        self._silent = 0
        self._share = 0.0

    @property
    def values(self) -> Floats:
        """The newest values, the newest last. A view."""
        return self._kept[max(0, self._end - min(self.count, self.size)) : self._end]

    @property
    def slot(self) -> int:
        """Of the newest value, in its day."""
        return (self.count - 1) % self.day

    def measured(self, value: float | None) -> float | None:
        """The value if it says something, else None. Raises ValueError for one that can be none."""
        if value is None or math.isnan(value):
            return None
        if value < 0 or math.isinf(value):
            raise ValueError(f"{value} is no load: 0 or more")
        if value or self.zeros == "real":
            self._share *= 1 - 1 / self.day
            if self._silent <= BRIEF:
                self._share += self._silent / self.day
            self._silent = 0
            return value
        self._silent += 1
        usual = self.profiles[0, self.count % self.day]
        if self._share > RARE or self._silent * self.step > SILENCE or usual < RARE * self.levels[-1]:
            return value
        return None if self.levels[-1] > 0 else value

    def add(self, value: float | None, filled: float) -> None:
        """Append ``value``; where it is None, ``filled`` stands in its place and no profile learns."""
        if self._end == len(self._kept):
            self._kept[: self.size] = self._kept[self.size :]
            self._end = self.size
        now = filled if value is None else value
        self._kept[self._end] = now
        self._end += 1
        self.count += 1
        if self.count == 1:
            self.levels[:] = now
        self.levels += np.array(LEVELS) * (now - self.levels)
        if value is not None:
            old = self.profiles[:, self.slot]
            self.profiles[:, self.slot] = np.where(np.isnan(old), value, old + np.array(PROFILES) * (value - old))

    def state(self) -> dict[str, Any]:
        """What ``restore`` takes."""
        return {
            "values": self.values.copy(), "count": self.count, "profiles": self.profiles, "levels": self.levels,
            "silent": self._silent, "share": self._share,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        values = np.asarray(state["values"], float)[-self.size :]
        if not 0 < len(values) <= int(state["count"]) or not (values >= 0).all():
            raise ValueError("these are no loads")
        self._kept[: len(values)] = values
        self._end, self.count = len(values), int(state["count"])
        self.profiles, self.levels = np.asarray(state["profiles"], float), np.asarray(state["levels"], float)
        self._silent, self._share = int(state["silent"]), float(state["share"])

    def __repr__(self) -> str:
        return f"<Past of {self.count} values, {self.step:g} s each>"
