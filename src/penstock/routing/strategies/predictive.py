"""Predictive: the least rank (``wait.py``), from what was learned of each upstream's speed.

It knows nothing of caches and sessions: for traffic without shared beginnings.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.routing.ask import Ask
from penstock.routing.strategies.least_rank import LeastRank
from penstock.routing.strategies.strategy import Shared
from penstock.routing.strategies.wait import rank_terms
from penstock.routing.targets import Target


class Predictive:
    """See the module."""

    prefix = False
    largest = False

    def __init__(self, shared: Shared) -> None:
        self._least = LeastRank(shared.uniform)

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """The one with the least rank; of very many, the least of a sample."""
        return self._least.choose(targets, ask, {}) if len(targets) > 1 else targets[0]

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """The logarithms whose sum ranks it."""
        return rank_terms(target, ask, 0.0)

    def __repr__(self) -> str:
        return "<Predictive>"
