"""Adaptive: the shortest expected wait (``wait.py``), counting what each upstream likely has of the prompt cached.

A session stays at its upstream while that one has room and is not slower than the best by more than
``affinity.slack`` seconds; all else is in the wait: what a cached beginning spares is weighed in the same seconds as
the queue that it would mean. Rates are learned, so mixed hardware needs no calibration.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.routing.ask import Ask
from penstock.routing.strategies.sample import MOST, sample
from penstock.routing.strategies.strategy import Shared
from penstock.routing.strategies.wait import wait, wait_terms
from penstock.routing.targets import Target

MOST_HOLDERS = 4
"""Of many targets that have the prompt's beginning, so many of those that have most are looked at."""


class Adaptive:
    """See the module."""

    prefix = True
    largest = False

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """See the module."""
        shared = self._shared
        if ask.blocks:
            shared.prefixes.match(ask)
        if len(targets) == 1:  # the only one, or the others drain: then it has the session's context now
            shared.keep(targets[0], ask)
            return targets[0]
        hits = ask.hits
        looked: Sequence[Target] = sample(targets, shared.uniform)
        if hits and len(targets) > MOST:
            holders = [target for target in targets if target.slot in hits]
            if len(holders) > MOST_HOLDERS:
                holders = sorted(holders, key=lambda target: -hits[target.slot])[:MOST_HOLDERS]
            looked = [*looked, *holders]
        best = looked[0]
        least = -1.0
        for target in looked:
            seconds = wait(target, ask, hits.get(target.slot, 0.0) if hits else 0.0) / target.pull
            if least < 0.0 or seconds < least:
                best, least = target, seconds
        if ask.session:
            sticky = shared.sticky(targets, ask)
            if sticky is not None and sticky is not best:
                seconds = wait(sticky, ask, hits.get(sticky.slot, 0.0)) / sticky.pull
                if seconds <= least + shared.slack:
                    best = sticky
            shared.keep(best, ask)
        return best

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """The summands of the wait, divided by the weight."""
        hit = ask.hits.get(target.slot, 0.0)
        return {name: term / target.pull for name, term in wait_terms(target, ask, hit).items()}

    def __repr__(self) -> str:
        return "<Adaptive>"
