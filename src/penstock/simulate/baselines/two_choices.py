"""Two choices: of two drawn at random, the one with fewer calls in flight (Mitzenmacher 2001; ``power_of_two`` of the
Rust routers, the usual policy of Envoy)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.routing.ask import Ask
from penstock.routing.targets import Target


class TwoChoices:
    """``uniform(a, b)`` draws."""

    prefix = False
    largest = False

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """The less busy of two that differ."""
        count = len(targets)
        if count == 1:
            return targets[0]
        first = min(count - 1, int(self._uniform(0, count)))
        second = min(count - 2, int(self._uniform(0, count - 1)))
        if second >= first:
            second += 1
        one, other = targets[first], targets[second]
        return one if one.in_flight <= other.in_flight else other

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """Its calls in flight."""
        return {"calls": float(target.in_flight)}

    def __repr__(self) -> str:
        return "<TwoChoices>"
