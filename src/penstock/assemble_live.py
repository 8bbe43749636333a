"""The composition root's part for what changes of a target while it serves, and for what is told of it then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.core.exchange import Exchange
from penstock.core.printing import fingerprint
from penstock.net.client import Origin
from penstock.routing.config import ModelConfig, TimeoutsConfig
from penstock.routing.listing import added_up, counted
from penstock.routing.moving import leaving, move_streams
from penstock.routing.table import CANARY, Entry
from penstock.routing.targets import Target
from penstock.routing.trial import Trial
from penstock.routing.upstream_config import PriceConfig, UpstreamConfig

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.assemble_upstreams import Upstreams

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


def move_calls(upstreams: Upstreams, names: Collection[str]) -> int:
    """Have the calls at these upstreams go on elsewhere, as far as they can. How many were asked to."""
    moved = sum([move_streams(target) for target in upstreams.targets if target.name in names])
    return moved + sum([one.leave(leaving(one.name)) for one in upstreams.origins() if one.name in names])


def newest(gateway: Gateway) -> Callable[[Exchange, Entry], Entry]:
    """How an entry is by now: a call may last longer than the upstreams that there were when it began."""

    def look(exchange: Exchange, entry: Entry) -> Entry:
        edition = gateway.edition
        generation = edition.generation
        found = None if exchange.generation is generation else edition.table.labelled(entry.label)
        if found is None:
            return entry
        if exchange.led is not generation:
            exchange.led = generation
            generation.enter()  # what serves the call stays until it has ended
            exchange.defer(lambda _: generation.leave())
        return found

    return look
