"""Ways to choose one of several upstreams: one pure file each, its formula and source in the docstring."""

from __future__ import annotations

from collections.abc import Callable

from penstock.routing.strategies.adaptive import Adaptive
from penstock.routing.strategies.consistent_hash import ConsistentHash
from penstock.routing.strategies.cost import Cost
from penstock.routing.strategies.instance_score import InstanceScore
from penstock.routing.strategies.ip_hash import IpHash
from penstock.routing.strategies.least_connections import LeastConnections
from penstock.routing.strategies.predictive import Predictive
from penstock.routing.strategies.prefix import Prefix
from penstock.routing.strategies.response_time import ResponseTime
from penstock.routing.strategies.round_robin import RoundRobin
from penstock.routing.strategies.strategy import Shared, Strategy
from penstock.routing.strategies.weighted_round_robin import WeightedRoundRobin

STRATEGIES: dict[str, Callable[[Shared], Strategy]] = {
    "round_robin": lambda shared: RoundRobin(),
    "weighted_round_robin": lambda shared: WeightedRoundRobin(),
    "least_connections": lambda shared: LeastConnections(),
    "ip_hash": lambda shared: IpHash(),
    "consistent_hash": lambda shared: ConsistentHash(),
    "response_time": ResponseTime,
    "instance_score": InstanceScore,
    "predictive": Predictive,
    "prefix": Prefix,
    "cost": Cost,
    "adaptive": Adaptive,
}
"""By the name that configuration uses."""


def make_strategy(name: str, shared: Shared | None = None) -> Strategy:
    """A new strategy over what the worker's strategies share. Raises KeyError for one that is not offered."""
    return STRATEGIES[name](Shared() if shared is None else shared)
