"""Some of many: so that a choice among hundreds of targets costs what one among a dozen does.

The best of d drawn at random is, for d ≥ 2, exponentially better than one drawn (Mitzenmacher 2001); with d = 12 it is
among the best fifth with a probability of 0.93. As gateways that do not know of each other draw differently, they do
not all flood the one that seems idle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.routing.targets import Target

MOST = 16
"""Up to so many targets all are looked at."""
DRAWN = 12


def sample(targets: Sequence[Target], uniform: Callable[[float, float], float]) -> Sequence[Target]:
    """All of few, else ``DRAWN`` that follow a random place in strides of a random length: distinct for that many."""
    count = len(targets)
    if count <= MOST:
        start = int(uniform(0, count)) % count
        return targets if start == 0 else [*targets[start:], *targets[:start]]
    stride = 1 + int(uniform(0, count - 1)) % ((count - 1) // (DRAWN - 1))
    start = int(uniform(0, count))
    return [targets[(start + stride * number) % count] for number in range(DRAWN)]
