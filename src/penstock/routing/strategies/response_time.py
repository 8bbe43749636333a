"""Response time: of two drawn at random, the one that is expected to answer sooner.

cost = (peak of time to first token + peak of time per token · expected tokens) · (in flight + 1) / weight: Finagle's
peak EWMA with two choices (Mitzenmacher 2001), on the times that measure a server. The duration of a whole answer
would measure how much was said. One without a sample counts as the mean of all (a new one is not flooded), and a peak
comes down to that in a silence (one that was slow once is tried again).
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.routing.ask import Ask
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target


class ResponseTime:
    """See the module."""

    prefix = False
    largest = False

    def __init__(self, shared: Shared) -> None:
        self._uniform = shared.uniform

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """The cheaper of two."""
        count = len(targets)
        if count == 1:
            return targets[0]
        first = min(count - 1, int(self._uniform(0, count)))
        second = min(count - 2, int(self._uniform(0, count - 1)))
        if second >= first:
            second += 1
        one, other = targets[first], targets[second]
        return one if cost(one, ask) <= cost(other, ask) else other

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """Its cost, in seconds of waiting."""
        return {"cost": cost(target, ask)}

    def __repr__(self) -> str:
        return "<ResponseTime>"


def cost(target: Target, ask: Ask) -> float:
    """See the module."""
    load = target.load
    first = load.peak_first.at(ask.now, load.peers.first.at(ask.tokens))
    gap = load.peak_gap.at(ask.now, load.peers.gap.at(1))
    return (first + gap * ask.output) * (target.in_flight + 1) / target.pull
