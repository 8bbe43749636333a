"""The composition root's part for what changes of a target while it serves, and for what is told of it then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from penstock.core.printing import fingerprint
from penstock.net.client import Origin
from penstock.routing.config import ModelConfig, TimeoutsConfig
from penstock.routing.listing import added_up, counted
from penstock.routing.table import CANARY
from penstock.routing.targets import Target
from penstock.routing.trial import Trial
from penstock.routing.upstream_config import PriceConfig, UpstreamConfig

_IN_PLACE: dict[str, Any] = {"weight": 1, "drain": False, "capacity": 1, "max_in_flight": None, "price": PriceConfig()}


def target_key(name: str, config: UpstreamConfig, timeouts: TimeoutsConfig) -> tuple[str, str]:
    """What makes a target another one: not what ``adjust`` takes over in place."""
    return name, fingerprint(msgspec.structs.replace(config, **_IN_PLACE)) + fingerprint(timeouts)


def prices(config: UpstreamConfig) -> tuple[float, float]:
    """Dollars for a token in and out."""
    return config.price.input / 1e6, config.price.output / 1e6


def adjust(target: Target, config: UpstreamConfig) -> None:
    """Take over the settings that can change in place; its calls, and what was learned of it, stay."""
    target.capacity = config.capacity
    target.prices = prices(config)
    if target.weight != config.weight:
        target.weight = config.weight
        target.changes.count += 1
    if target.draining != config.drain:
        target.drain(config.drain)


def rows(known: Iterable[tuple[Target, Iterable[Origin]]], sessions: Counter[str]) -> dict[str, dict[str, Any]]:
    """By name, what one worker tells of its targets; ``sessions``: how many are at each."""
    told: dict[str, dict[str, Any]] = {}
    for target, origins in known:
        name = target.name
        held = 0 if name in told else sessions[name]
        row = counted(target, connections=sum(origin.open for origin in origins), sessions=held)
        told[name] = added_up(told[name], row) if name in told else row
    return told


def pools(origins: Iterable[Origin]) -> tuple[int, float, int]:
    """Calls that found no idle connection, the seconds that they waited for one of the pool, and who waits now."""
    those = list(origins)
    return sum(one.obtained for one in those), sum(one.waited for one in those), sum(one.queued for one in those)


def hear(trials: Mapping[str, tuple[ModelConfig, Trial]], label: str, *, liked: bool) -> None:
    """A caller thought so of an answer of the version ``label``, if its model is on trial."""
    known = trials.get(label.removesuffix(CANARY))
    if known is not None:
        (known[1].new if label.endswith(CANARY) else known[1].old).hear(liked=liked)
