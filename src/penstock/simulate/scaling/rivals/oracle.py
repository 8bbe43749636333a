"""Who knows what will come: no policy can do with less. Pure.

Asks for each replica just so early that it is ready when needed, and ends it as soon as it is not needed for as long as
a start takes. What lies between it and another policy is what a better forecast could win at most.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from penstock.scaling.seen import Decision, Seen


class Oracle:
    """A Policy. ``load``: of each step of ``step`` seconds; ``target``: use of what a replica carries; ``lead``:
    seconds of the longest start."""

    name = "oracle"

    def __init__(self, load: Sequence[float], step: float, carries: float, target: float, lead: float) -> None:
        self._step = step
        needs = [math.ceil(one / carries / target - 1e-9) for one in load]
        self._most = _highest(needs, math.ceil(lead / step) + 1)

    def decide(self, seen: Seen) -> Decision:
        """The most that is needed until one asked for now would be there."""
        return Decision(seen.at, self._most[min(len(self._most) - 1, int(seen.at / self._step))], "hold", "oracle")


def _highest(values: Sequence[int], ahead: int) -> list[int]:
    """At each place the highest of it and the ``ahead`` that follow."""
    out = [0] * len(values)
    line: deque[int] = deque()
    for at in range(len(values) - 1, -1, -1):
        while line and values[line[-1]] <= values[at]:
            line.pop()
        line.append(at)
        while line[0] > at + ahead:
            line.popleft()
        out[at] = values[line[0]]
    return out
