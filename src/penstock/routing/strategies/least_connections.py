"""Least connections, weighted: the target with the fewest calls in flight per unit of weight.

Minimises (in_flight + 1) / weight, the weight being less for one that has just come back (``health.py``). Ties go
round in turn, so that an idle fleet is used evenly.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.routing.ask import Ask
from penstock.routing.targets import Target


class LeastConnections:
    """One comparison a target; no division."""

    prefix = False
    largest = False

    def __init__(self) -> None:
        self.turn = 0

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """The least loaded target, looking from where the last choice ended."""
        count = len(targets)
        if count == 1:
            return targets[0]
        start = self.turn = (self.turn + 1) % count
        best = targets[start]
        calls, pull = best.in_flight + 1, best.pull
        for some in (targets[start + 1 :], targets[:start]):
            for target in some:
                if (target.in_flight + 1) * pull < calls * target.pull:
                    best, calls, pull = target, target.in_flight + 1, target.pull
        return best

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """Calls with this one, per unit of weight."""
        return {"calls": (target.in_flight + 1) / target.pull}

    def __repr__(self) -> str:
        return f"<LeastConnections at {self.turn}>"
