"""Round robin: each target in turn, whatever it is doing."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core.call import Call
from penstock.routing.targets import Target


class RoundRobin:
    """The n-th call goes to target n mod N."""

    def __init__(self) -> None:
        self._turn = -1

    def choose(self, targets: Sequence[Target], call: Call) -> Target:
        """The next target in order."""
        self._turn = (self._turn + 1) % len(targets)
        return targets[self._turn]

    def __repr__(self) -> str:
        return f"<RoundRobin at {self._turn}>"
