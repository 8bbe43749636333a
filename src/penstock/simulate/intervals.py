"""Which of two policies is better, by how much, and is it chance? Pure: paired numbers in, an interval out.

A Student interval on the differences of pairs (same trace, same fleet). With several rivals at once the level is
divided by their number (Bonferroni), so that a verdict over all of them is wrong by chance in one case of twenty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Interval(NamedTuple):
    """The mean of differences and what may be added or taken."""

    mean: float
    half: float

    @property
    def above(self) -> bool:
        """Surely more than nothing."""
        return self.mean - self.half > 0.0

    @property
    def below(self) -> bool:
        """Surely less."""
        return self.mean + self.half < 0.0

    def __str__(self) -> str:
        return f"{self.mean:+.3f} ± {self.half:.3f}"


def difference(one: Sequence[float], other: Sequence[float], rivals: int = 1, level: float = 0.95) -> Interval:
    """``one`` less ``other``, pair by pair; ``rivals``: how many such intervals make one verdict. Needs two pairs to
    know anything: with fewer the interval is endless."""
    gaps = [first - second for first, second in zip(one, other, strict=True)]
    count = len(gaps)
    mean = math.fsum(gaps) / count if count else 0.0
    if count < 2:
        return Interval(mean, math.inf)
    deviation = math.sqrt(math.fsum((gap - mean) ** 2 for gap in gaps) / (count - 1))
    quantile = student(1.0 - (1.0 - level) / (2 * rivals), count - 1)
    return Interval(mean, quantile * deviation / math.sqrt(count))


def student(probability: float, freedom: int) -> float:
    """The quantile of Student's distribution: its density summed by Simpson's rule, and bisected."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)

    def density(x: float) -> float:
        return scale * math.pow(1.0 + x * x / freedom, -(freedom + 1) / 2)

    def below(x: float) -> float:
        steps = 200
        width = x / steps
        inner = sum([density(number * width) * (4 if number % 2 else 2) for number in range(1, steps)])
        return 0.5 + (density(0.0) + inner + density(x)) * width / 3

    low, high = 0.0, 1.0
    while below(high) < probability and high < 1e6:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        if below(middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2
