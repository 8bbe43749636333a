"""Least connections, weighted: the target with the fewest calls in flight per unit of weight.

Minimises (in_flight + 1) / weight. Ties go round in turn, so that an idle fleet is used evenly.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core.call import Call
from penstock.routing.targets import Target


class LeastConnections:
    """One comparison a target; no division."""

    def __init__(self) -> None:
        self._turn = 0

    def choose(self, targets: Sequence[Target], call: Call) -> Target:
        """The least loaded target, looking from where the last choice ended."""
        count = len(targets)
        if count == 1:
            return targets[0]
        start = self._turn = (self._turn + 1) % count
        best = targets[start]
        for offset in range(1, count):
            target = targets[(start + offset) % count]
            if (target.in_flight + 1) * best.weight < (best.in_flight + 1) * target.weight:
                best = target
        return best

    def __repr__(self) -> str:
        return f"<LeastConnections at {self._turn}>"
