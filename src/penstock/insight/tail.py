"""How rare a score is among those before it, without a word about their distribution. Pure.

Enters: non-negative scores, one after another. Leaves: the chance of one so large. In the body of the distribution it
is the share of the kept scores that are as large; beyond the 98th percentile a generalised Pareto tail is fitted to the
excesses by their moments (Hosking and Wallis, Technometrics 29, 1987), as streams of peaks over a threshold are judged
(Siffer et al., KDD 2017). So a heavy tail makes its own spikes common.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort

KEPT = 3000
"""Scores; older ones are forgotten."""
FEWEST = 100
"""With fewer nothing is rare."""
TOP = 50
"""One in so many lies in the tail, but never fewer than ten."""
LIGHTEST, HEAVIEST = 0.1, 0.5
"""Shapes of the tail. No tail is taken to be as light as an exponential one: so few values cannot show it."""
MOST = 1e30
"""A larger score counts as this one."""


class Tail:
    """See the module. Scores are kept as short floats: there are thousands of them for each of seven measures of every
    series."""

    __slots__ = ("_eldest", "_kept", "_order", "_sorted")

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._eldest = 0
        self._order = array("f")
        self._sorted = array("f")

    def chance(self, score: float) -> float:
        """Of a score as large as this, between 0 and 1."""
        scores = self._sorted
        count = len(scores)
        if count < FEWEST:
            return 1.0
        top = max(10, count // TOP)
        threshold = scores[-top]
        if score <= threshold:
            return (count - bisect_left(scores, score)) / count
        excesses = [score - threshold for score in scores[-top:]]
        mean = sum(excesses) / top
        if mean <= 0.0:
            return 1.0 / (count + 1)
        spread = sum((excess - mean) ** 2 for excess in excesses) / top
        shape = min(HEAVIEST, max(LIGHTEST, 0.5 * (1.0 - mean * mean / spread))) if spread > 0.0 else LIGHTEST
        return float(top / count * (1.0 + shape * (score - threshold) / (mean * (1.0 - shape))) ** (-1.0 / shape))

    def add(self, score: float) -> None:
        """Remember a score."""
        order, scores = self._order, self._sorted
        if len(order) < self._kept:
            order.append(min(score, MOST))
            insort(scores, order[-1])
            return
        at = self._eldest
        del scores[bisect_left(scores, order[at])]
        order[at] = min(score, MOST)
        insort(scores, order[at])
        self._eldest = (at + 1) % self._kept

    def __repr__(self) -> str:
        return f"<Tail of {len(self._sorted)} scores>"
