"""Days of load with a sharp morning, and a pool that is sized for them by a rule, in virtual time. Pure.

Enters: a rule's name and days to learn. Leaves: what share of the last day's load found no replica, and how many
replica-hours that day took. The rules and the forecaster are the gateway's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from penstock.scaling.policy import policy_of
from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.seen import Seen

DAY = 86_400.0
STEP = 300.0
STARTS = 600.0
"""Seconds from wanting a replica to its first answer: a machine, an image, a large model."""
CARRIES = 10.0
MOST = 60
LEAST_LEARNED = 12
"""Steps before there is a forecast."""
QUANTILES = (0.1, 0.5, 0.8, 0.9, 0.95, 0.99)
"""Those that the forecaster tells."""


@dataclass
class Pool:
    """``coming``: moments, and how many are ready then."""

    ready: int = 2
    coming: list[tuple[float, int]] = field(default_factory=list)

    @property
    def starting(self) -> int:
        return sum(count for _, count in self.coming)

    def see(self, at: float) -> None:
        """Those whose time has come are ready."""
        self.ready += sum(count for moment, count in self.coming if moment <= at)
        self.coming = [(moment, count) for moment, count in self.coming if moment > at]

    def want(self, at: float, count: int) -> None:
        """Have so many: more are there after STARTS, fewer at once."""
        more = count - self.ready - self.starting
        if more > 0:
            self.coming.append((at + STARTS, more))
        elif more < 0:
            self.ready = max(0, self.ready + more)


def load(at: float, draw: Random) -> float:
    """At nine it is six times the night's within half an hour; after six in the evening it falls."""
    hour = at % DAY / 3600
    working = 1 / (1 + math.exp(-8 * (hour - 9))) / (1 + math.exp(4 * (hour - 18)))
    return (15 + 85 * working) * math.exp(draw.gauss(0, 0.05))


def play(rule: Any, forecaster: Any, learn: int, waiting: float = 19.0) -> tuple[float, float, list[int]]:
    """``learn`` days, then one that is judged; ``forecaster``: one that takes steps of STEP, or None. The share of the
    load that was too much, the replica-hours, and the replicas ready at each hour. ``waiting``: what a replica too few
    costs, one too many costing 1."""
    draw, pool, wanted = Random(4), Pool(), 2
    policy = policy_of(PolicyConfig(rule=rule, waiting=waiting), 1, MOST)
    hours = missed = total = 0.0
    ready: list[int] = []
    for number in range(round((learn + 1) * DAY / STEP)):
        at = number * STEP
        now = load(at, draw)
        pool.see(at)
        if number >= learn * DAY / STEP:
            hours += pool.ready * STEP / 3600
            missed += max(0.0, now - pool.ready * CARRIES)
            total += now
            if at % 3600 == 0:
                ready.append(pool.ready)
        if forecaster is not None:
            forecaster.add(now)
        seen = Seen(
            at, STEP, load=now, requests=now, in_flight=now, ready=pool.ready, starting=pool.starting, wanted=wanted,
            carries=CARRIES, starts=STARTS, response=1.0, upper=_upper(forecaster, number),
        )  # fmt: skip
        wanted = policy.decide(seen).wanted
        pool.want(at, wanted)
    return missed / total, hours, ready


def _upper(forecaster: Any, number: int) -> Callable[[float, float], float] | None:
    if forecaster is None or number < LEAST_LEARNED:
        return None

    def upper(seconds: float, share: float) -> float:
        nearest = min(QUANTILES, key=lambda one: abs(one - share))
        return float(forecaster.quantile(max(seconds, STEP), nearest))

    return upper
