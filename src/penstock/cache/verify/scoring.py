"""The choice among several answers that may each be given: alike 60 %, fresh 25 %, asked for often 15 %.

Enters: candidates that are all safe enough, each with its probability, age and uses. Leaves: the place of the best. The
weights never let an answer in: what is not safe enough, or twice as likely to be wrong as the safest, takes no part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of the composite score."""

    similarity: float = 0.60
    freshness: float = 0.25
    popularity: float = 0.15


def freshness(age: float, ttl: float) -> float:
    """1 when new, 1/e at the end of its time."""
    return math.exp(-max(age, 0.0) / ttl) if ttl > 0 else 0.0


def popularity(uses: int, most: int) -> float:
    """0 when never given, 1 for the most given of those compared; by orders of magnitude."""
    return math.log1p(max(uses, 0)) / math.log1p(most) if most > 0 else 0.0


def choose(candidates: Sequence[tuple[float, float, float, int]], weights: Weights) -> int:
    """``candidates``: (probability that it is right, age, ttl, uses). Gives the place of the one to give."""
    if len(candidates) == 1:
        return 0
    safest = max(candidate[0] for candidate in candidates)
    most = max(candidate[3] for candidate in candidates)
    best, highest = 0, -1.0
    for place, (probability, age, ttl, uses) in enumerate(candidates):
        if 1.0 - probability > 2.0 * (1.0 - safest) + 1e-9:
            continue
        score = (
            weights.similarity * probability
            + weights.freshness * freshness(age, ttl)
            + weights.popularity * popularity(uses, most)
        )
        if score > highest:
            best, highest = place, score
    return best
