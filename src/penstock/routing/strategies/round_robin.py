"""Round robin: each target in turn, whatever it is doing."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.routing.ask import Ask
from penstock.routing.targets import Target


class RoundRobin:
    """The n-th call goes to target n mod N."""

    prefix = False
    largest = False

    def __init__(self) -> None:
        self.turn = -1

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """The next target in order."""
        self.turn = (self.turn + 1) % len(targets)
        return targets[self.turn]

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """None: only whose turn it is counts."""
        return {}

    def __repr__(self) -> str:
        return f"<RoundRobin at {self.turn}>"
