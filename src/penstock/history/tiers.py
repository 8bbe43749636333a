"""How finely the past is kept, and in which steps it may be told. Pure.

Enters: a span of time and a step, or none. Leaves: the tier to read and the step. May fail: StepError, in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from penstock.core.windows import SPAN


class Tier(NamedTuple):
    """Windows of ``span`` seconds, stored together in blocks of ``block`` seconds."""

    name: str
    span: float
    block: float


TEN = Tier("ten_seconds", SPAN, 120.0)
MINUTE = Tier("minute", 60.0, 1200.0)
HOUR = Tier("hour", 3600.0, 86_400.0)
TIERS = (TEN, MINUTE, HOUR)
"""A block is written anew with each of its windows: short ones where that is often, long ones where many are read."""
STEPS = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)
MOST_POINTS = 500
"""That are told where no step is asked for."""
MOST_ASKED_POINTS = 5000
MOST_READ = 1500
"""Windows read for one question, where no step is asked for: so long as that is, it takes less than 100 ms."""


class StepError(ValueError):
    """The span cannot be told in this step."""


class Plan(NamedTuple):
    """Read ``tier``, tell it in steps of ``step`` seconds."""

    tier: Tier
    step: float


def plan(since: float, until: float, step: float | None, kept: Mapping[str, float], now: float) -> Plan:
    """How to tell what was from ``since`` to ``until``; ``step`` None stands for the finest that is told at once.
    ``kept``: for how long each tier is, by name. Raises StepError."""
    length = max(until - since, SPAN)
    reaching = [tier for tier in TIERS if now - kept[tier.name] <= since + tier.span] or [HOUR]
    if step is not None:
        return _asked(length, step, reaching)
    for number in STEPS:
        tier = _tier(number, reaching)
        if tier is not None and length / number <= MOST_POINTS and length / tier.span <= MOST_READ:
            return Plan(tier, float(number))
    return Plan(HOUR, STEPS[-1] * -(-length // (STEPS[-1] * MOST_POINTS)))


def _asked(length: float, step: float, reaching: list[Tier]) -> Plan:
    if step < SPAN or step % SPAN:
        raise StepError(f"a step is a multiple of {SPAN:.0f}s")
    if length / step > MOST_ASKED_POINTS:
        raise StepError(f"that makes {length / step:.0f} points, at most {MOST_ASKED_POINTS} are told: a larger step")
    tier = _tier(step, reaching)
    if tier is None:
        spans = ", ".join(f"{tier.span:.0f}s" for tier in reaching)
        raise StepError(f"of so long ago a step is a multiple of one of {spans}")
    return Plan(tier, step)


def _tier(step: float, reaching: list[Tier]) -> Tier | None:
    """The coarsest of those whose windows make up a step."""
    return next((tier for tier in reversed(reaching) if step >= tier.span and not step % tier.span), None)


def floor_of(at: float, tier: Tier) -> int:
    """The start of the block that ``at`` lies in."""
    return int(at // tier.block * tier.block)
