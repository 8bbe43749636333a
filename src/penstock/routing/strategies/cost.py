"""Cost: the cheapest of the upstreams that are about as soon as the soonest.

dollars = prompt tokens · price in + expected tokens · price out. Those whose expected wait (``wait.py``) is
within ``affinity.slack`` of the shortest compete by price; of equal prices the shorter wait wins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from penstock.routing.ask import Ask
from penstock.routing.strategies.sample import sample
from penstock.routing.strategies.strategy import Shared
from penstock.routing.strategies.wait import wait
from penstock.routing.targets import Target


class Cost:
    """See the module."""

    prefix = True
    largest = False

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """See the module."""
        if len(targets) == 1:
            return targets[0]
        if ask.blocks:
            self._shared.prefixes.match(ask)
        hits = ask.hits
        some = sample(targets, self._shared.uniform)
        waits = [wait(target, ask, hits.get(target.slot, 0.0) if hits else 0.0) for target in some]
        bound = min(waits) + self._shared.slack
        best: Target | None = None
        least = soonest = math.inf
        for target, seconds in zip(some, waits, strict=True):
            if seconds <= bound:
                price = dollars(target, ask)
                if best is None or price < least or (price == least and seconds < soonest):
                    best, least, soonest = target, price, seconds
        assert best is not None
        return best

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """Its price for the call, in dollars."""
        return {"dollars": dollars(target, ask)}

    def __repr__(self) -> str:
        return "<Cost>"


def dollars(target: Target, ask: Ask) -> float:
    """What the call will cost there."""
    price_in, price_out = target.prices
    return ask.tokens * price_in + ask.output * price_out
