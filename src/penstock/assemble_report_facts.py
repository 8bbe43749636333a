"""The composition root's part for what reports must know beside windows: how the gateway is set, and how it stands.

Slices that are not installed count as off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.config import Config, StoreConfig, known_sections
from penstock.edge.config import ListenConfig
from penstock.insight.bottlenecks.seen import Facts, Upstream
from penstock.insight.recommending.known import Model, Settings
from penstock.routing.config import RoutingConfig
from penstock.routing.live import family
from penstock.routing.load import FRESH_SECONDS
from penstock.routing.targets import Target

if TYPE_CHECKING:
    from penstock.assemble import Gateway


def section(config: Config, key: str) -> Any:
    """The section under ``key``; None where its slice is not installed."""
    return next((config.of(struct) for name, struct in known_sections() if name == key), None)


def facts(gateway: Gateway) -> Facts:
    """How this worker stands now. What all workers have in flight is estimated: calls are spread evenly."""
    config = gateway.config
    workers = config.of(ListenConfig).workers
    upstreams: dict[str, Upstream] = {}
    now = gateway.clock.now()
    for target in gateway.upstreams.targets:
        upstreams[family(target.name)] = _both(upstreams.get(family(target.name)), _upstream(target, workers, now))
    cache = section(config, "cache")
    return Facts(
        workers=workers, upstreams=upstreams, door=_door(gateway),
        redis=config.of(StoreConfig).store.startswith("redis"),
        embedder="" if cache is None else cache.semantic.embedder,
    )  # fmt: skip


def _door(gateway: Gateway) -> tuple[int, int]:
    if gateway.admitting is None:
        return 0, 0
    door = gateway.admitting.door
    return door.taken, int(door.limit)


def _upstream(target: Target, workers: int, now: float) -> Upstream:
    load, seats = target.load, target.seats
    told = load.scraped if load.scraped is not None and now - load.scraped.at <= FRESH_SECONDS else None
    in_flight = target.in_flight * workers
    if told is not None and told.running is not None:  # others may ask it, too
        in_flight = max(in_flight, int(told.running + (told.waiting or 0.0)))
    return Upstream(
        in_flight=in_flight,
        capacity=target.capacity,
        waiting=load.waiting * load.first.slope * workers,
        taken=getattr(seats, "taken", 0),
        seats=int(getattr(seats, "limit", 0)),
    )


def _both(one: Upstream | None, other: Upstream) -> Upstream:
    """Instances under one name: added up, but for what a call waits."""
    if one is None:
        return other
    return Upstream(
        one.in_flight + other.in_flight, one.capacity + other.capacity, max(one.waiting, other.waiting),
        one.taken + other.taken, one.seats + other.seats,
    )  # fmt: skip


def settings(config: Config) -> Settings:
    """What of ``config`` recommendations look at."""
    routing = config.of(RoutingConfig)
    cache, batching, grouping = (section(config, name) for name in ("cache", "batching", "grouping"))
    return Settings(
        workers=config.of(ListenConfig).workers,
        exact=cache is not None and cache.exact.enabled,
        semantic=cache is None or cache.semantic.enabled,
        ttl=3600.0 if cache is None else cache.exact.ttl,
        batching=batching is None or batching.enabled,
        affinity=routing.affinity.enabled,
        group_by="" if grouping is None else grouping.group_by,
        hedge=routing.hedge.enabled,
        first_token=routing.timeouts.first_token,
        models={
            name: Model(
                model.strategy, tuple(model.upstreams), tuple(model.fallbacks),
                {up: (price.input, price.output) for up in model.upstreams
                 if (price := routing.upstreams[up].price).input or price.output},
            )
            for name, model in routing.models.items()
        },
    )  # fmt: skip
