"""The composition root's part for what each worker tells of pools right now: who is served there, and who waits.

Enters: targets, queues. Leaves: by pool, calls in flight, calls ever given to its replicas, calls that wait. A replica
that is removed takes none of them away.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from penstock.routing.live import family

if TYPE_CHECKING:
    from penstock.assemble import Gateway


class Demand:
    """Of one worker. It survives reloads."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._served: dict[str, int] = {}
        self._begun: dict[str, int] = {}

    def told(self, pools: Collection[str]) -> dict[str, Any]:
        """The numbers of ``pools``, upstreams by name."""
        gateway = self._gateway
        told = {name: [0, 0, 0.0] for name in pools}
        served: dict[str, int] = {}
        for name, (in_flight, number, _) in gateway.upstreams.numbers().items():
            pool = family(name)
            if pool in told:
                told[pool][0] += in_flight
                before = self._served.get(name, 0)
                self._begun[pool] = self._begun.get(pool, 0) + (number - before if number >= before else number)
                served[name] = number
        self._served = served
        self._begun = {name: number for name, number in self._begun.items() if name in told}
        for name, begun in self._begun.items():
            told[name][1] = begun
        for name, waiting in self._waiting().items():
            if name in told:
                told[name][2] += waiting
        for name, row in told.items():
            row[2] += gateway.waking.waiting(name)
        return {"worker": gateway.number, "pools": told}

    def _waiting(self) -> dict[str, float]:
        """By pool, calls that wait for a seat or a connection."""
        admitting = self._gateway.admitting
        waiting = {} if admitting is None else admitting.waits(family)
        for origin in self._gateway.upstreams.origins():
            if origin.queued:
                pool = family(origin.name)
                waiting[pool] = waiting.get(pool, 0.0) + origin.queued
        return waiting

    def __repr__(self) -> str:
        return f"<Demand {self._begun}>"
