"""Which replicas there are: how many, how fast each, and what happens to one of them. Pure.

``equal``; ``mixed``: a quarter each at full speed, 0.8, 0.5 and 0.3 (generations of accelerators); ``degraded``: one
falls to a third of its speed while the run goes on, as one that overheats does, and nobody is told.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from penstock.simulate.engine import Replica, Work
from penstock.simulate.hardware import Engine
from penstock.simulate.traces import Trace

MIXED = (1.0, 0.8, 0.5, 0.3)
DEGRADED = 1 / 3
HARDWARE = ("equal", "mixed", "degraded")
_CALLS_OF_CAPACITY = 600


class Fleet(NamedTuple):
    """``speeds``, one a replica; ``falls``: which replica falls to ``DEGRADED`` of its speed, if one does."""

    engine: Engine
    speeds: list[float]
    falls: int | None = None

    @property
    def total(self) -> float:
        """Its speed in replicas at full speed, once the fallen one has fallen."""
        lost = 0.0 if self.falls is None else self.speeds[self.falls] * (1.0 - DEGRADED)
        return sum(self.speeds) - lost


def fleet(engine: Engine, count: int, hardware: str, rng: random.Random) -> Fleet:
    """``count`` replicas. Raises ValueError for a kind of ``hardware`` that is not known."""
    if hardware not in HARDWARE:
        raise ValueError(f"hardware {hardware!r} is none of {', '.join(HARDWARE)}")
    speeds = [1.0] * count
    if hardware == "mixed":
        speeds = [MIXED[number % len(MIXED)] for number in range(count)]
        rng.shuffle(speeds)
    return Fleet(engine, speeds, rng.randrange(count) if hardware == "degraded" else None)


def capacity(trace: Trace, engine: Engine, calls: int = _CALLS_OF_CAPACITY) -> float:
    """Calls a second that one replica at full speed ends when it never lacks some: ``calls`` of the trace at once."""
    step = max(1, len(trace.rows) // calls)
    replica = Replica(engine, block=trace.block)
    many = 0
    # In stretches of eight, so that what neighbours share is shared here too.
    for number, row in enumerate(trace.rows):
        if (number // 8) % step == 0:
            many += 1
            replica.arrive(Work(many, row.prompt, row.output, row.blocks), 0.0)
    ends: list[float] = []
    while replica.running:
        now = replica.next
        ends += [now for work in replica.step(now) if work.end]
    # The last tenth is ended by ever fewer at once.
    kept = max(1, many * 9 // 10)
    return kept / ends[kept - 1]
