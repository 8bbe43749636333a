"""Ways to choose one of several upstreams: one pure file each, its formula and source in the docstring."""

from __future__ import annotations

from collections.abc import Callable

from penstock.routing.strategies.ip_hash import IpHash
from penstock.routing.strategies.least_connections import LeastConnections
from penstock.routing.strategies.round_robin import RoundRobin
from penstock.routing.strategies.strategy import Strategy
from penstock.routing.strategies.weighted_round_robin import WeightedRoundRobin

STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "round_robin": RoundRobin,
    "weighted_round_robin": WeightedRoundRobin,
    "least_connections": LeastConnections,
    "ip_hash": IpHash,
    "adaptive": LeastConnections,
}
"""By the name that configuration uses. ``adaptive`` means least connections until it can learn."""


def make_strategy(name: str) -> Strategy:
    """A new strategy. Raises KeyError for one that is not offered."""
    return STRATEGIES[name]()
