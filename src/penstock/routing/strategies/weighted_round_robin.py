"""Smooth weighted round robin: shares in proportion to weights, without bursts to the heaviest.

Each choice adds every target's weight to its current value, takes the largest, and subtracts the sum of the weights
from it (nginx, ``ngx_http_upstream_get_peer``, 2012). For weights 5, 1, 1 the order is a a b a c a a. One that
comes back has less than its weight at first (``health.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.routing.ask import Ask
from penstock.routing.targets import Target


class WeightedRoundRobin:
    """Exact shares over each cycle of sum(weights) calls."""

    prefix = False
    largest = True

    def __init__(self) -> None:
        self.turn: dict[str, float] = {}

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """The target with the largest current value; the first of equals."""
        current = self.turn
        best = targets[0]
        best_value = None
        total = 0.0
        for target in targets:
            total += target.pull
            value = current[target.name] = current.get(target.name, 0.0) + target.pull
            if best_value is None or value > best_value:
                best, best_value = target, value
        current[best.name] -= total
        return best

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """Its current value, with the weight that the next choice adds."""
        return {"current": self.turn.get(target.name, 0), "weight": target.pull}

    def __repr__(self) -> str:
        return f"<WeightedRoundRobin {self.turn}>"
