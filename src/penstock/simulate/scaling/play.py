"""One demand, one policy: the pool is stepped, what a policy may see is measured, and it is asked. Pure.

What it sees is what it would see: means over its own window, as late as its metrics come. Ours are the gateway's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from penstock.scaling.seen import Policy, Seen, Upper
from penstock.simulate.scaling.demand import Demand
from penstock.simulate.scaling.pool import Hardware, Pool, Tally


@dataclass(frozen=True, slots=True)
class Eyes:
    """How a policy sees: asked each ``every`` seconds, of means over ``span``, ``lag`` seconds late."""

    every: float = 10.0
    span: float = 10.0
    lag: float = 0.0


@dataclass(slots=True)
class Trail:
    """What a run was like over time, for plots: one value in so many steps."""

    load: list[float] = field(default_factory=list)
    carried: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


Make = Callable[[], Policy]


@dataclass(frozen=True)
class Scene:
    """What all policies are tried on. ``carries``: what they are told that a replica carries at the goal."""

    demand: Demand
    hardware: Hardware
    carries: float
    least: int = 1
    most: int = 10_000
    upper: Callable[[float], Upper | None] | None = None
    seed: int = 0
    skip: float = 0.0

    def play(self, policy: Policy, eyes: Eyes, grace: float, rescues: bool, trail: Trail | None = None) -> Tally:
        """The tally of all but the first ``skip`` seconds, in which everybody learns."""
        demand, step = self.demand, self.demand.step
        load, calls = demand.load.tolist(), demand.calls.tolist()
        first = max(self.least, min(self.most, int(load[0] / self.carries / 0.7) + 1))
        pool = Pool(self.hardware, first, grace, rescues, np.random.default_rng(self.seed))
        sums, sums_calls = _sums(load), _sums(calls)
        due, skipped = 0.0, 0
        every = max(1, len(load) // 600)
        late = 0.0
        for at, (work, came) in enumerate(zip(load, calls, strict=True)):
            now = at * step
            if now >= due:
                due += max(eyes.every, step)
                seen = self._seen(pool, now, at, eyes, sums, sums_calls, late)
                wanted = policy.decide(seen).wanted
                if wanted != pool.wanted:
                    pool.want(min(self.most, max(self.least, wanted)), now)
            late = pool.step(now, step, work, came)
            if now < self.skip:
                skipped += 1
                pool.tally = Tally()
            if trail is not None and at % every == 0:
                trail.load.append(work)
                trail.carried.append(pool.ready * self.carries)
                trail.late.append(late)
        return pool.tally

    def _seen(
        self, pool: Pool, now: float, at: int, eyes: Eyes, sums: list[float], sums_calls: list[float], late: float
    ) -> Seen:
        step = self.demand.step
        end = max(1, at - round(eyes.lag / step))
        begin = max(0, end - max(1, round(eyes.span / step)))
        load = (sums[end] - sums[begin]) / (end - begin)
        requests = (sums_calls[end] - sums_calls[begin]) / (end - begin)
        response = self.hardware.response
        a_call = load / requests if requests > 0 else 1.0
        waiting = pool.backlog / a_call if a_call > 0 else 0.0
        return Seen(
            now, eyes.span, load, requests, in_flight=pool.in_flight, waiting=waiting, ready=pool.ready,
            starting=pool.starting, draining=pool.draining, wanted=pool.wanted, late=late, response=response,
            carries=self.carries, starts=self.hardware.starts,
            upper=None if self.upper is None else self.upper(now),
        )  # fmt: skip


def _sums(values: list[float]) -> list[float]:
    """``_sums(v)[i]`` is the sum of the first ``i``."""
    out, total = [0.0], 0.0
    for value in values:
        total += value
        out.append(total)
    return out
