"""Tests of an error rate that may be read at any moment: bets against "not above" and "not below", and an interval.

Enters: one payoff a request: 0, or 1/π for an error found by a check made with probability π. Its mean is the error
rate, whatever was checked more often. Leaves: e-values and a confidence sequence. Source: Waudby-Smith & Ramdas,
"Estimating means of bounded random variables by betting" (JRSS-B 2024), sections 4 and 5; Ville's inequality: under the
hypothesis an e-value ever reaches 1/α with probability at most α. Nothing fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, log1p
from typing import Any

ALPHA = 0.05
FIRST_RESTART = 512
MOST_RESTARTS = 16


class Bets:
    """An e-process: the capital of gamblers who may not win in the mean if the hypothesis holds.

    ``above``: the hypothesis is "each request errs with probability at most ``mean``, given all before"; otherwise "at
    least ``mean``". ``largest``: no payoff is above it. Several gamblers bet different amounts, and begin at 0, 512,
    1,024, 2,048 … requests with the shares 1/2, 1/6, 1/12, 1/20 … of the capital, so that a long good time hides
    nothing that comes after. The average of e-processes is one."""

    __slots__ = ("_amounts", "_capital", "_quiet", "above", "count", "largest", "mean")

    def __init__(self, mean: float, largest: float, above: bool) -> None:
        self.mean = mean
        self.largest = largest
        self.above = above
        self.count = 0
        if above:
            most = 0.75 / mean
            self._amounts = tuple(min(most, part / largest) for part in (0.25, 1.0, 4.0, 16.0))
        else:
            self._amounts = tuple(-part / max(largest - mean, 1e-9) for part in (0.1, 0.4, 0.8))
        self._capital: list[list[float]] = [[0.0] * len(self._amounts)]  # logarithms, for each beginning
        self._quiet = 0  # payoffs of 0 not yet reckoned in

    def see(self, payoff: float) -> None:
        """A request, and what its check found."""
        self.count += 1
        if payoff:
            self._settle()
            self._pay(payoff)
        else:
            self._quiet += 1
        if self.count >= FIRST_RESTART << (len(self._capital) - 1) and len(self._capital) < MOST_RESTARTS:
            self._settle()
            self._capital.append([0.0] * len(self._amounts))

    def correct(self, payoff: float) -> None:
        """A request seen before as 0 has turned out to pay. Until then the capital was too small, never too large, if
        the hypothesis is "at most"; for "at least" use ``see`` when the outcome is known."""
        self._settle()
        for capital in self._capital:
            for place, amount in enumerate(self._amounts):
                capital[place] -= log1p(-amount * self.mean)
        self._pay(payoff)

    def _pay(self, payoff: float) -> None:
        gain = min(payoff, self.largest) - self.mean
        for capital in self._capital:
            for place, amount in enumerate(self._amounts):
                capital[place] += log1p(amount * gain)

    def _settle(self) -> None:
        if self._quiet:
            for capital in self._capital:
                for place, amount in enumerate(self._amounts):
                    capital[place] += self._quiet * log1p(-amount * self.mean)
            self._quiet = 0

    @property
    def value(self) -> float:
        """The e-value: how many times over the hypothesis has become less believable."""
        self._settle()
        value = 0.0
        left = 1.0
        for number, capital in enumerate(self._capital):
            share = 1.0 / ((number + 1) * (number + 2))
            left -= share
            value += share * sum(exp(min(one, 600.0)) for one in capital) / len(capital)
        return value + left

    def dump(self) -> dict[str, Any]:
        self._settle()
        return {"count": self.count, "capital": self._capital}

    def load(self, kept: Any) -> None:
        """Raises ValueError, TypeError or KeyError for what ``dump`` never gave."""
        capital = [[float(one) for one in row] for row in kept["capital"]]
        if not 1 <= len(capital) <= MOST_RESTARTS or any(
            len(row) != len(self._amounts) or not all(-inf < one < inf for one in row) for row in capital
        ):
            raise ValueError("capital")
        self.count, self._capital, self._quiet = int(kept["count"]), capital, 0


class Interval:
    """A confidence sequence for the error rate: at level 1 - α it holds the true mean at all times together. A rate is
    in it while the bets against it, from both sides, are below 2/α."""

    __slots__ = ("_alpha", "_quiet", "_rates", "_wealth", "count", "largest", "total")

    def __init__(self, largest: float, alpha: float = ALPHA, points: int = 60) -> None:
        self.largest = largest
        self.count = 0
        self.total = 0.0
        self._alpha = alpha
        self._quiet = 0
        self._rates = [10.0 ** (-4.0 + 4.0 * point / points) for point in range(points)]
        self._wealth: list[tuple[tuple[float, list[float]], ...]] = []
        for rate in self._rates:
            up = [min(0.75 / rate, part / largest) for part in (0.25, 2.0, 16.0)]
            down = [-part / (largest - min(rate, largest / 2)) for part in (0.1, 0.4, 0.8)]
            self._wealth.append(tuple((amount, [0.0]) for amount in (*up, *down)))

    def see(self, payoff: float) -> None:
        """A request and its payoff."""
        self.count += 1
        if payoff:
            self._settle()
            self._pay(payoff)
        else:
            self._quiet += 1

    def correct(self, payoff: float) -> None:
        """A request seen as 0 has turned out to pay."""
        self._settle()
        for rate, bets in zip(self._rates, self._wealth, strict=True):
            for amount, wealth in bets:
                wealth[0] -= log1p(-amount * rate)
        self._pay(payoff)

    def _pay(self, payoff: float) -> None:
        payoff = min(payoff, self.largest)
        self.total += payoff
        for rate, bets in zip(self._rates, self._wealth, strict=True):
            for amount, wealth in bets:
                wealth[0] += log1p(amount * (payoff - rate))

    def _settle(self) -> None:
        if self._quiet:
            for rate, bets in zip(self._rates, self._wealth, strict=True):
                for amount, wealth in bets:
                    wealth[0] += self._quiet * log1p(-amount * rate)
            self._quiet = 0

    @property
    def estimate(self) -> float:
        return self.total / self.count if self.count else 0.0

    def limits(self) -> tuple[float, float]:
        """The lowest and the highest rate that are not refuted; (0, 1) at first."""
        self._settle()
        refuted = log(2.0 / self._alpha)
        low, high = 0.0, 1.0
        for rate, bets in zip(self._rates, self._wealth, strict=True):
            half = len(bets) // 2
            if _mean_log([wealth[0] for _, wealth in bets[:half]]) >= refuted:
                low = rate  # the mean is above it
        for rate, bets in zip(reversed(self._rates), reversed(self._wealth), strict=True):
            half = len(bets) // 2
            if _mean_log([wealth[0] for _, wealth in bets[half:]]) >= refuted:
                high = rate
            else:
                break
        return low, max(high, low)

    def dump(self) -> dict[str, Any]:
        self._settle()
        return {
            "count": self.count,
            "total": self.total,
            "wealth": [[wealth[0] for _, wealth in bets] for bets in self._wealth],
        }

    def load(self, kept: Any) -> None:
        """Raises ValueError, TypeError or KeyError for what ``dump`` never gave."""
        rows = [[float(one) for one in row] for row in kept["wealth"]]
        if len(rows) != len(self._wealth) or any(
            len(row) != len(bets) or not all(-inf < one < inf for one in row)
            for row, bets in zip(rows, self._wealth, strict=True)
        ):
            raise ValueError("wealth")
        count, total = int(kept["count"]), float(kept["total"])
        for row, bets in zip(rows, self._wealth, strict=True):
            for one, (_, wealth) in zip(row, bets, strict=True):
                wealth[0] = one
        self.count, self.total, self._quiet = count, total, 0


def _mean_log(logs: Sequence[float]) -> float:
    """The logarithm of the mean of numbers given by their logarithms."""
    most = max(logs)
    return most + log(sum(exp(one - most) for one in logs) / len(logs))
