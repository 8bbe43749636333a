"""What every strategy is: something that chooses one target for a call, synchronously and without waiting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.core.call import Call
from penstock.routing.targets import Target


class Strategy(Protocol):
    """``targets`` is never empty. A strategy keeps its own state; one instance serves one model entry."""

    def choose(self, targets: Sequence[Target], call: Call) -> Target: ...
