"""Policies by the names of the command line: the strategies that Penstock ships, and those of others beside them."""

from __future__ import annotations

from collections.abc import Callable

from penstock.routing.strategies import STRATEGIES, make_strategy
from penstock.routing.strategies.strategy import Shared, Strategy
from penstock.simulate.baselines.cache_aware import COMMAND_LINE, LIBRARY, CacheAware
from penstock.simulate.baselines.drawn import Drawn
from penstock.simulate.baselines.least_load import LeastLoad
from penstock.simulate.baselines.lmetric import LMetric
from penstock.simulate.baselines.sticky import Sticky
from penstock.simulate.baselines.two_choices import TwoChoices

Make = Callable[[Shared, float], Strategy]
"""From what a worker's strategies share and the engine's peak prefill rate, for those that must be calibrated."""

BASELINES: dict[str, Make] = {
    "random": lambda shared, peak: Drawn(shared.uniform),
    "two_choices": lambda shared, peak: TwoChoices(shared.uniform),
    "peak_ewma": lambda shared, peak: make_strategy("response_time", shared),
    "lmetric": lambda shared, peak: LMetric(shared.prefixes, shared.uniform),
    "least_load": lambda shared, peak: LeastLoad(shared.uniform),
    "cache_aware": lambda shared, peak: CacheAware(shared.prefixes, shared.uniform, LIBRARY),
    "cache_aware_cli": lambda shared, peak: CacheAware(shared.prefixes, shared.uniform, COMMAND_LINE),
    "sticky": lambda shared, peak: Sticky(shared.prefixes, shared.uniform, peak),
}
USUAL = ("adaptive", "round_robin", "least_connections", *BASELINES)
"""What is compared when nothing else is said."""


def names() -> list[str]:
    """All that may be asked for."""
    return [*BASELINES, *STRATEGIES]


def make_policy(name: str, shared: Shared, peak: float) -> Strategy:
    """A new policy. Raises KeyError for one that is not known."""
    made = BASELINES.get(name)
    return made(shared, peak) if made is not None else make_strategy(name, shared)
