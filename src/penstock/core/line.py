"""A line learned from a stream of points: y ≈ base + slope · x, the newest points counting most. Pure.

Exponentially weighted least squares (weights halve in some 35 points), shrunk towards the slope known so far where the
points tell none (all x alike), base and slope never below zero. A change of speed at one x moves the base at once.
"""

from __future__ import annotations

KEEP = 0.98
SHRINK = 0.05


class Line:
    """``base`` and ``slope`` are the present estimate; ``weight`` says on how many points it stands (at most 50)."""

    __slots__ = ("_x", "_xx", "_xy", "_y", "base", "slope", "weight")

    def __init__(self, base: float, slope: float) -> None:
        self.base = base
        self.slope = slope
        self.weight = 0.0
        self._x = 0.0
        self._y = 0.0
        self._xx = 0.0
        self._xy = 0.0

    def learn(self, x: float, y: float) -> None:
        """Take in one point."""
        weight = self.weight = self.weight * KEEP + 1.0
        sum_x = self._x = self._x * KEEP + x
        sum_y = self._y = self._y * KEEP + y
        sum_xx = self._xx = self._xx * KEEP + x * x
        sum_xy = self._xy = self._xy * KEEP + x * y
        mean_x = sum_x / weight
        mean_y = sum_y / weight
        shrink = SHRINK * weight * mean_x * mean_x + 1e-12
        covariance = sum_xy - sum_x * mean_y
        variance = max(0.0, sum_xx - sum_x * mean_x)
        slope = (covariance + shrink * self.slope) / (variance + shrink)
        # Through the origin at the steepest: a negative base would promise calls that cost nothing.
        steepest = mean_y / mean_x if mean_x > 0 else slope
        self.slope = slope = max(0.0, min(slope, steepest))
        self.base = max(0.0, mean_y - slope * mean_x)

    def at(self, x: float) -> float:
        """The expected y."""
        return self.base + self.slope * x

    def __repr__(self) -> str:
        return f"<Line {self.base:.6g} + {self.slope:.6g} x on {self.weight:.1f} points>"
