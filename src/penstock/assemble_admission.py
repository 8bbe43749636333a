"""The composition root's part for the admission slice, which is optional: without it nobody waits or is refused.

Seats are a worker's: what is configured is divided among the workers.
"""

from __future__ import annotations

import asyncio
import importlib.util
import random
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from penstock.config import Config
from penstock.core.ports import Hall, Stage
from penstock.core.priority import NAMES
from penstock.core.units import ADAPTIVE
from penstock.edge.config import ListenConfig
from penstock.routing.config import RoutingConfig
from penstock.routing.targets import Target

if TYPE_CHECKING:
    from penstock.admission.config import AdmissionConfig
    from penstock.admission.limit.limit import Limit
    from penstock.admission.place import Place
    from penstock.assemble import Gateway

FIRST, MOST = 16, 4096
"""An adaptive number of seats at an upstream: at first, and at most."""
DOOR_FIRST, DOOR_MOST = 256, 20_000
"""The same of the whole gateway."""
MOST_KEYS = 50
"""Told of those that wait, by class."""


class Admitting:
    """The seats and queues of one worker. They survive reloads."""

    def __init__(self, gateway: Gateway) -> None:
        from penstock.admission.counts import Counts

        self.counts = Counts()
        self._gateway = gateway
        self._places: dict[Place, tuple[int, float | None]] = {}
        self._open = False

    def stage(self, config: Config) -> Stage:
        """The room for ``config``."""
        from penstock.admission.config import AdmissionConfig
        from penstock.admission.stage import Admission

        gateway, section = self._gateway, config.of(AdmissionConfig)
        self._begin(config)
        return Admission(
            self.door, self._at_door, gateway.overload, gateway.pressure, self.counts,
            adapts=section.limit == ADAPTIVE, now=gateway.clock.now, uniform=random.uniform,
        )  # fmt: skip

    def hall(self, config: Config) -> Hall:
        """Where calls wait for upstreams."""
        self._begin(config)
        return self._at_upstreams

    def _begin(self, config: Config) -> None:
        if self._open:
            return
        from penstock.admission.config import AdmissionConfig
        from penstock.admission.hall import Hall, Terms
        from penstock.admission.limit.fixed import Fixed
        from penstock.admission.place import Place
        from penstock.admission.queue import Queue

        self._open = True
        gateway, section = self._gateway, config.of(AdmissionConfig)
        self._terms = Terms()
        self._queues = [Queue(section.queue.calls, section.queue.calls, section.queue.guard) for _ in range(2)]

        def hall(queue: Queue, where: str, *, inside: bool) -> Hall:
            return Hall(
                queue, self._terms, self.counts, gateway.overload, where=where, inside=inside,
                loop=asyncio.get_running_loop(), now=gateway.clock.now, uniform=random.uniform,
                version=lambda: gateway.upstreams.version() + gateway.reloads,
            )  # fmt: skip

        self._at_door = hall(self._queues[0], "at the door", inside=False)
        self._at_upstreams = hall(self._queues[1], "for an upstream", inside=True)
        self.door = Place("door", Fixed(DOOR_MOST), self._at_door.freed)
        gateway.overload.upstreams = self._upstream_load

    def follow(self, config: Config, targets: Iterable[Target]) -> None:
        """Seats and queues as ``config`` says from now on; calls that have a seat keep it."""
        from penstock.admission.config import AdmissionConfig
        from penstock.admission.place import Place

        section = config.of(AdmissionConfig)
        workers = config.of(ListenConfig).workers
        self._terms.max_wait = section.max_wait
        self._terms.preempt = section.preempt.most if section.preempt.enabled else 0
        for queue in self._queues:
            queue.calls = section.queue.calls
            queue.per_key = section.queue.per_key or max(1, section.queue.calls)
            queue.guard = section.queue.guard
        self._rule(self.door, section.limit, section, workers, (DOOR_FIRST, DOOR_MOST))
        self._gateway.overload.limit = self.door.limit
        upstreams = config.of(RoutingConfig).upstreams
        kept: dict[Place, tuple[int, float | None]] = {self.door: self._places[self.door]}
        for target in targets:
            seats = upstreams[target.name].max_in_flight if target.name in upstreams else None
            if seats is None:
                target.seats = None
                continue
            place = target.seats
            if not isinstance(place, Place):
                place = target.seats = Place(
                    target.name, _rule(seats, section, workers, (FIRST, MOST)), self._at_upstreams.freed,
                    target.in_flight,
                )  # fmt: skip
                self._places[place] = (seats, section.goal)
            self._rule(place, seats, section, workers, (FIRST, MOST))
            kept[place] = self._places[place]
        self._places = kept

    def _rule(self, place: Place, seats: int, section: AdmissionConfig, workers: int, bounds: tuple[int, int]) -> None:
        """The seats of a place; what an adaptive number has learned is kept while nothing changes."""
        if self._places.get(place) != (seats, section.goal) or seats != ADAPTIVE:
            self._places[place] = (seats, section.goal)
            place.take_rule(_rule(seats, section, workers, bounds))

    def _upstream_load(self) -> float:
        """The share of the seats at limited upstreams that is wanted."""
        seats = taken = 0
        for place in self._places:
            if place is not self.door:
                seats += place.limit
                taken += place.taken
        return (taken + self._queues[1].size) / seats if seats else 0.0

    @property
    def waiting(self) -> int:
        """Calls in its queues."""
        return sum(queue.size for queue in self._queues)

    def waits(self, group: Callable[[str], str]) -> dict[str, float]:
        """How many calls wait for a seat at upstreams, by what ``group`` makes of an upstream's name. One that may go
        to several counts in parts."""
        waiting: dict[str, float] = {}
        for waiter in self._queues[1].waiters() if self._open else ():
            groups = {group(place.name) for place in waiter.places}
            for name in groups:
                waiting[name] = waiting.get(name, 0.0) + 1 / len(groups)
        return waiting

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values."""
        overload = self._gateway.overload
        return {
            "door": [self.door.taken, self.door.limit],
            "load": overload.load,
            "upstreams": [[place.name, place.taken, place.limit] for place in self._places if place is not self.door],
            "queues": {"door": self._at_door.dump(), "upstream": self._at_upstreams.dump()},
            "keys": {name: self._keys(rank) for rank, name in enumerate(NAMES)},
            **self.counts.dump(),
        }

    def _keys(self, rank: int) -> Mapping[str, int]:
        waiting: dict[str, int] = {}
        for queue in self._queues:
            for key, number in queue.keys(rank).items():
                waiting[key] = waiting.get(key, 0) + number
        return dict(sorted(waiting.items(), key=lambda one: -one[1])[:MOST_KEYS])


def _rule(seats: int, section: AdmissionConfig, workers: int, bounds: tuple[int, int]) -> Limit:
    from penstock.admission.limit.aimd import Aimd
    from penstock.admission.limit.fixed import Fixed
    from penstock.admission.limit.gradient import Gradient

    if seats != ADAPTIVE:
        return Fixed(-(-seats // workers))
    first, most = bounds
    return Gradient(first, 1, most) if section.goal is None else Aimd(first, 1, most, section.goal)


def admitting(gateway: Gateway) -> Admitting | None:
    """An Admitting if the slice is installed."""
    return Admitting(gateway) if importlib.util.find_spec("penstock.admission") is not None else None
