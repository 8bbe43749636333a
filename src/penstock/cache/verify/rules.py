"""The rules of the decision as the config gives them, with their defaults. Plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.cache.verify.scoring import Weights
from penstock.cache.verify.spend import Budget
from penstock.cache.verify.vetoes import DEFAULT

NEIGHBOURS = 8
"""Entries that are looked at."""
ALERT = 4.0
"""Checks are so many times as frequent at first, and while there is a suspicion."""
HEAVIEST = 4.0
"""The most that one checked hit weighs in learning, however rarely its like is checked."""
QUARANTINE = 3
"""Wrong answers found, more than right ones, after which a group is no longer given."""


@dataclass(frozen=True, slots=True)
class Rules:
    """``budget``: what may go wrong. ``shadow``: the share of hits that is checked, more where they are less safe
    (at least ``least_shadow`` of it). ``floor``: the cosine below which an entry is not looked at. ``judge_floor``: the
    probability below which comparing answers after a miss is not worth it. ``lift``: verified equal answers, without
    exception, after which a veto does not hold in a group. ``entries``, ``partitions``: bounds."""

    budget: Budget = field(default_factory=Budget)
    vetoes: tuple[str, ...] = DEFAULT
    weights: Weights = field(default_factory=Weights)
    shadow: float = 0.05
    least_shadow: float = 0.5
    alpha: float = 0.05
    floor: float = 0.3
    judge_floor: float = 0.01
    lift: int = 3
    entries: int = 200_000
    partitions: int = 2_000

    def __post_init__(self) -> None:
        """Raises ValueError for rules under which no bound could be kept."""
        budget = self.budget
        for name, value, most in (
            ("max_error", budget.per_request, 0.5),
            ("max_error of hits", 0.5 if budget.per_hit is None else budget.per_hit, 0.5),
            ("shadow", self.shadow, 1.0),
            ("least_shadow", self.least_shadow, 1.0),
            ("alpha", self.alpha, 0.5),
        ):
            if not 0.0 < value <= most:
                raise ValueError(f"{name} is {value:g}; it is above 0 and at most {most:g}")
