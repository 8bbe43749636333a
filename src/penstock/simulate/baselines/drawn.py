"""Random: each target with equal chance, whatever it is doing. The floor of every comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.routing.ask import Ask
from penstock.routing.targets import Target


class Drawn:
    """``uniform(a, b)`` draws."""

    prefix = False
    largest = False

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """Any."""
        return targets[min(len(targets) - 1, int(self._uniform(0, len(targets))))]

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """None."""
        return {}

    def __repr__(self) -> str:
        return "<Drawn>"
