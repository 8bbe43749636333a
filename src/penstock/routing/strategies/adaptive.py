"""Adaptive: the least rank (``wait.py``): soonest first token, fewest calls, what is cached of the prompt counted in.

A session stays at its upstream while that one has room and its first token is not later than the best's by more than
``affinity.slack`` seconds. Speeds are learned, so mixed hardware needs no calibration; a cached beginning is worth the
tokens that it spares, against the queue that it would mean.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.routing.ask import Ask
from penstock.routing.strategies.least_rank import LeastRank
from penstock.routing.strategies.strategy import Shared
from penstock.routing.strategies.wait import first_seconds, rank_terms
from penstock.routing.targets import Target


class Adaptive:
    """See the module."""

    prefix = True
    largest = False

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._least = LeastRank(lambda low, high: shared.uniform(low, high))

    @property
    def turn(self) -> int:
        """What changes with each choice."""
        return self._least.turn

    @turn.setter
    def turn(self, turn: int) -> None:
        self._least.turn = turn

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """See the module."""
        shared = self._shared
        if ask.blocks:
            shared.prefixes.match(ask)
        if len(targets) == 1:  # the only one, or the others drain: then it has the session's context now
            if ask.session:
                shared.keep(targets[0], ask)
            return targets[0]
        best = self._least.choose(targets, ask, ask.hits)
        return self._stay(targets, ask, best) if ask.session else best

    def _stay(self, targets: Sequence[Target], ask: Ask, best: Target) -> Target:
        shared, hits = self._shared, ask.hits
        sticky = shared.sticky(targets, ask)
        if sticky is not None and sticky is not best:
            soonest = first_seconds(best, ask, hits.get(best.slot, 0.0))
            if first_seconds(sticky, ask, hits.get(sticky.slot, 0.0)) <= soonest + shared.slack:
                best = sticky
        shared.keep(best, ask)
        return best

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """The logarithms whose sum ranks it."""
        return rank_terms(target, ask, ask.hits.get(target.slot, 0.0))

    def __repr__(self) -> str:
        return "<Adaptive>"
