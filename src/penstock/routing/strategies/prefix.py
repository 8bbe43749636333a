"""Prefix: the upstream that has most of the prompt cached, unless the fleet is out of balance.

With (most − least calls in flight) > 32 and most > 1.1 · least, or a match below a tenth of the prompt: least
connections. Else the longest match, the less busy of equals. (The ``cache_aware`` rule of SGLang's and vLLM's routers.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.routing.ask import Ask
from penstock.routing.strategies.least_connections import LeastConnections
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target

IMBALANCE_CALLS = 32
IMBALANCE_RATIO = 1.1
LEAST_MATCH = 0.1


class Prefix:
    """See the module."""

    prefix = True
    largest = True

    def __init__(self, shared: Shared) -> None:
        self._prefixes = shared.prefixes
        self._else = LeastConnections()

    @property
    def turn(self) -> int:
        """Where least connections stands."""
        return self._else.turn

    @turn.setter
    def turn(self, turn: int) -> None:
        self._else.turn = turn

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """See the module."""
        if len(targets) == 1:
            return targets[0]
        self._prefixes.match(ask)
        hits = ask.hits
        if hits:
            calls = [target.in_flight for target in targets]
            most, least = max(calls), min(calls)
            if most - least <= IMBALANCE_CALLS or most <= IMBALANCE_RATIO * least:
                best = _longest(targets, hits)
                if hits.get(best.slot, 0.0) >= LEAST_MATCH:
                    return best
        return self._else.choose(targets, ask)

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """The share of the prompt that it likely has."""
        return {"hit": ask.hits.get(target.slot, 0.0)}

    def __repr__(self) -> str:
        return "<Prefix>"


def _longest(targets: Sequence[Target], hits: Mapping[int, float]) -> Target:
    """The one with the longest match, the less busy of equals."""
    best, most = targets[0], -1.0
    for target in targets:
        hit = hits.get(target.slot, 0.0)
        if hit > most or (hit == most and target.in_flight < best.in_flight):
            best, most = target, hit
    return best
