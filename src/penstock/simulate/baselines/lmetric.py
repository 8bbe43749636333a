"""LMetric: the least product of prompt tokens to be computed and calls in flight.

(uncached tokens that wait there + mine · (1 − hit)) · (calls in flight + 1): arXiv 2603.15202, as ``lmetric`` of
SGLang's gateway and of Dynamo (``adjusted_prefill · (decode_blocks + 1)``). Of equals the first from a random place on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.routing.ask import Ask
from penstock.routing.prefix import PrefixIndex
from penstock.routing.targets import Target


class LMetric:
    """``uniform(a, b)`` draws."""

    prefix = True
    largest = False

    def __init__(self, prefixes: PrefixIndex, uniform: Callable[[float, float], float]) -> None:
        self._prefixes = prefixes
        self._uniform = uniform

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """See the module."""
        if ask.blocks:
            self._prefixes.match(ask)
        count = len(targets)
        start = int(self._uniform(0, count))
        best, least = targets[0], -1.0
        for offset in range(count):
            target = targets[(start + offset) % count]
            product = score(target, ask)
            if least < 0.0 or product < least:
                best, least = target, product
        return best

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """The product."""
        return {"product": score(target, ask)}

    def __repr__(self) -> str:
        return "<LMetric>"


def score(target: Target, ask: Ask) -> float:
    """See the module."""
    mine = ask.tokens * (1.0 - ask.hits.get(target.slot, 0.0))
    return (target.load.waiting + mine) * (target.in_flight + 1)
