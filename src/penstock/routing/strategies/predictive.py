"""Predictive: the shortest expected wait, from what was learned of each upstream's speed (``wait.py``).

It knows nothing of caches and sessions: for traffic without shared beginnings.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.routing.ask import Ask
from penstock.routing.strategies.sample import sample
from penstock.routing.strategies.strategy import Shared
from penstock.routing.strategies.wait import wait, wait_terms
from penstock.routing.targets import Target


class Predictive:
    """See the module."""

    prefix = False
    largest = False

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """The one with the least wait; of many, the least of a sample."""
        best = targets[0]
        if len(targets) == 1:
            return best
        least = -1.0
        for target in sample(targets, self._shared.uniform):
            seconds = wait(target, ask, 0.0) / target.pull
            if least < 0.0 or seconds < least:
                best, least = target, seconds
        return best

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """The summands of the wait, divided by the weight."""
        return {name: term / target.pull for name, term in wait_terms(target, ask, 0.0).items()}

    def __repr__(self) -> str:
        return "<Predictive>"
