"""Quantiles at any share, out of the few that are kept. Pure.

Between two shares on the scale of a normal distribution, beyond the last as far on again as that scale says: so 99.99 %
is more than 99.9 %, in a measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

from penstock.scaling.forecast.conformal import QUANTILES

_NORMAL = NormalDist()
MOST_SCORE = 4.0


def weights(share: float, known: Sequence[float] = QUANTILES) -> list[tuple[int, float]]:
    """Which of ``known`` shares to add up for ``share``, each times what; the sum is 1."""
    scores = [_NORMAL.inv_cdf(one) for one in known]
    score = min(MOST_SCORE, max(scores[0], _NORMAL.inv_cdf(min(max(share, 1e-9), 1 - 1e-9))))
    place = 1
    while place < len(scores) - 1 and score > scores[place]:
        place += 1
    part = (score - scores[place - 1]) / (scores[place] - scores[place - 1])
    return [(place - 1, 1.0 - part), (place, part)]
