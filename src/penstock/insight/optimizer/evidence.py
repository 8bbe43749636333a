"""How sure one may be at any moment that a change helps: a sequential test over pairs of periods. Pure.

Enters: differences between a period with the change and one without, which of them came first drawn by lot. Without an
effect such a difference is as likely to be its opposite, whatever the noise, the trend or the hour: for any bet b the
product of exp(b d) / cosh(b d) then is a fair game, and so is the mean over bets. It passes 1 / alpha with a chance of
at most alpha however often one looks (Ville). See decision 0035 for the sources.
"""

from __future__ import annotations

import math
import statistics

BETS = tuple(0.25 * 2**power for power in range(13))
"""Stakes per unit of a difference, from effects of several hundred percent down to those of a thousandth."""
_STEPS = 40


class Evidence:
    """Differences so far; one above 0 speaks for the change."""

    def __init__(self) -> None:
        self.differences: list[float] = []

    def add(self, difference: float) -> None:
        """One more pair."""
        self.differences.append(difference)

    @property
    def mean(self) -> float:
        """Of all pairs; 0 before the first."""
        return sum(self.differences) / len(self.differences) if self.differences else 0.0

    @property
    def middle(self) -> float:
        """The median of all pairs: a period that was cut short because it was bad would draw the mean to its side."""
        return statistics.median(self.differences) if self.differences else 0.0

    def above(self, least: float = 0.0) -> float:
        """What betting against "it gains no more than ``least``" has made of 1."""
        return math.exp(min(700.0, self._wealth(least, 1.0)))

    def below(self, most: float = 0.0) -> float:
        """The same against "it gains no less than ``most``"."""
        return math.exp(min(700.0, self._wealth(most, -1.0)))

    def _wealth(self, shift: float, sign: float) -> float:
        """The logarithm of the mean over bets."""
        games = [sum(_factor(bet * sign * (difference - shift)) for difference in self.differences) for bet in BETS]
        most = max(games)
        return most + math.log(sum(math.exp(game - most) for game in games) / len(games))

    def bounds(self, alpha: float) -> tuple[float, float]:
        """Between what the effect lies, each end wrong with a chance of at most ``alpha``, at any moment."""
        if not self.differences:
            return -math.inf, math.inf
        return self._end(alpha, 1.0), self._end(alpha, -1.0)

    def _end(self, alpha: float, sign: float) -> float:
        """The value nearest to the mean that is refuted, searched outwards; infinite where nothing is yet."""
        mean, reach = self.mean, max(abs(difference - self.mean) for difference in self.differences) + 1e-6
        far = mean - sign * 8 * (reach + abs(mean))
        if self._wealth(far, sign) < -math.log(alpha):
            return -sign * math.inf
        near = mean
        for _ in range(_STEPS):
            middle = (near + far) / 2
            if self._wealth(middle, sign) >= -math.log(alpha):
                far = middle
            else:
                near = middle
        return far

    def __repr__(self) -> str:
        return f"<Evidence of {len(self.differences)} pairs, mean {self.mean:.4f}>"


def _factor(stake: float) -> float:
    """The logarithm of exp(x) / cosh(x), which is 2 / (1 + exp(-2 x))."""
    if stake >= 0:
        return math.log(2.0) - math.log1p(math.exp(-2.0 * stake))
    return math.log(2.0) + 2.0 * stake - math.log1p(math.exp(2.0 * stake))
