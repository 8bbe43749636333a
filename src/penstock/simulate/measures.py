"""What a run was worth: percentiles, goodput at a goal, hit rate, imbalance. Pure: outcomes in, numbers out.

A call is good if its first token came within ``first`` + ``per_token`` · prompt tokens, and the mean gap between its
tokens was at most ``gap``. One that failed is not good; in the percentiles its first token came after the patience, and
its end never.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.simulate.hardware import Engine
from penstock.simulate.routing import Run


@dataclass(frozen=True, slots=True)
class Goal:
    """Seconds; see the module."""

    first: float = 1.0
    per_token: float = 0.0
    gap: float = 0.1

    @classmethod
    def of(cls, engine: Engine) -> Goal:
        """A second and thrice what the prompt takes alone; a gap of 100 ms, or four times that of a call alone."""
        return cls(1.0, 3.0 / engine.peak, max(0.1, 4.0 * engine.step))


@dataclass(frozen=True, slots=True)
class Measures:
    """Seconds, but for ``goodput``, ``failed``, ``hit_rate`` (shares) and ``imbalance``: the most work that a replica
    got for its speed over the mean."""

    calls: int
    goodput: float
    failed: float
    first_p50: float
    first_p90: float
    first_p99: float
    total_p50: float
    total_p90: float
    total_p99: float
    gap_p50: float
    gap_p90: float
    hit_rate: float
    imbalance: float


def measure(run: Run, goal: Goal, skip: float = 0.0) -> Measures:
    """The outcomes of ``run`` but for the first ``skip`` (a share), in which the policy still learns."""
    outcomes = run.outcomes[int(len(run.outcomes) * skip) :]
    patience = run.settings.patience
    firsts: list[float] = []
    totals: list[float] = []
    gaps: list[float] = []
    good = failed = cached = prompts = 0
    for outcome in outcomes:
        work = outcome.work
        prompts += work.prompt
        if not work.first:
            failed += 1
            firsts.append(patience)
            totals.append(math.inf)
            continue
        cached += work.cached
        first = work.first - outcome.at
        gap = (work.end - work.first) / (work.output - 1) if work.output > 1 else 0.0
        firsts.append(first)
        totals.append(work.end - outcome.at)
        gaps.append(gap)
        if first <= goal.first + goal.per_token * work.prompt and gap <= goal.gap:
            good += 1
    firsts.sort()
    totals.sort()
    gaps.sort()
    count = max(1, len(outcomes))
    loads = [replica.computed / speed for replica, speed in zip(run.replicas, run.fleet.speeds, strict=True)]
    return Measures(
        calls=len(outcomes),
        goodput=good / count,
        failed=failed / count,
        first_p50=percentile(firsts, 50),
        first_p90=percentile(firsts, 90),
        first_p99=percentile(firsts, 99),
        total_p50=percentile(totals, 50),
        total_p90=percentile(totals, 90),
        total_p99=percentile(totals, 99),
        gap_p50=percentile(gaps, 50),
        gap_p90=percentile(gaps, 90),
        hit_rate=cached / max(1, prompts),
        imbalance=max(loads) / max(sum(loads) / len(loads), 1e-12),
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """By nearest rank, of what is sorted; 0 of nothing."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
