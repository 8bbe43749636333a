"""The numbers of one worker as plain values, slice by slice: what metrics and status are made of."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from penstock.net.process import usage

if TYPE_CHECKING:
    from penstock.assemble import Gateway


def numbers(gateway: Gateway) -> dict[str, Any]:
    """All of them; None for a slice that is not installed."""
    return {
        "worker": gateway.number,
        "generation": gateway.endpoint.generation.number,
        "uptime": gateway.clock.now() - gateway.started,
        "reloads": gateway.reloads,
        "connections": gateway.server.open,
        "connections_refused": gateway.server.refused_connections,
        "refused_at_the_edge": gateway.endpoint.refused,
        "accounts": gateway.ledger.dump(),
        "memory": gateway.keeping.dump(),
        "upstreams": gateway.upstreams.numbers(),
        "routing": gateway.upstreams.learned(),
        "health": gateway.watch.dump(gateway.upstreams.targets),
        "engines": gateway.upstreams.engines(),
        "process": {**usage(), "tasks": len(asyncio.all_tasks())},
        "streams": None if gateway.streams is None else gateway.streams.dump(),
        "resume": None if gateway.resumption is None else gateway.resumption.streams.numbers(),
        "cache": None if gateway.caching is None else gateway.caching.dump(),
        "admission": None if gateway.admitting is None else gateway.admitting.dump(),
        "coalesce": None if gateway.coalescing is None else gateway.coalescing.dump(),
        "degrade": None if gateway.degrading is None else gateway.degrading.dump(),
        "jobs": None if gateway.jobbing is None else gateway.jobbing.dump(),
        "grouping": None if gateway.grouped is None else gateway.grouped.dump(),
        "batching": None if gateway.merging is None else gateway.merging.dump(),
        "store": None if gateway.store is None else gateway.store.dump(),
        "journal": None if gateway.diary is None else gateway.diary.notes.numbers(),
        "cost": None if gateway.costing is None else gateway.costing.dump(),
        "collector": gateway.tending.dump(),
        "suggestions": [one._asdict() for one in gateway.tending.suggestions()],
        "telemetry": _telemetry(gateway),
        "alerts": _alerts(gateway),
        "gauges": _gauges(gateway),
        "scaling": _scaling(gateway),
        "observed": None if gateway.observed is None else gateway.observed.dump(),
    }


def _telemetry(gateway: Gateway) -> dict[str, Any] | None:
    telemetry = None if gateway.observed is None else gateway.observed.telemetry
    return None if telemetry is None else telemetry.dump()


def _alerts(gateway: Gateway) -> dict[str, Any] | None:
    alerts = None if gateway.watching is None else gateway.watching.alerts
    return None if alerts is None else alerts.dump()


def _scaling(gateway: Gateway) -> dict[str, Any] | None:
    """What the first worker, which decides for all, has decided and expects."""
    watching = gateway.watching
    return None if watching is None or not watching.leads or watching.scaling is None else watching.scaling.dump()


def _gauges(gateway: Gateway) -> dict[str, Any] | None:
    """What this worker read last, with its number: gauges are told by worker."""
    watching = gateway.watching
    return None if watching is None else {"worker": gateway.number, **watching.last_gauges}
