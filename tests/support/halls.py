"""A hall whose time a test turns by hand, and calls that wait there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from penstock.admission.counts import Counts
from penstock.admission.hall import Hall, Terms
from penstock.admission.limit.fixed import Fixed
from penstock.admission.place import Place
from penstock.admission.queue import Queue
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber
from penstock.core.overload import Overload
from penstock.core.priority import NORMAL
from penstock.process.loop import run
from tests.support.fibers import fiber, turns
from tests.support.targets import exchange


class Clockwork:
    """A loop of which what is to happen later happens when its test says so."""

    def __init__(self) -> None:
        self.later: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()

    def call_soon(self, callback: Callable[..., object], *arguments: object, context: Any = None) -> None:
        self._loop.call_soon(callback, *arguments)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.later.append(callback)


class Caller:
    """A call that asks for a seat. ``place``: what it was given; ``fail``: what it was told instead."""

    def __init__(self, made: Exchange) -> None:
        self.exchange = made
        self.place: Any = "waiting"
        self.fail: Fail | None = None
        self.fiber: Fiber | None = None

    @property
    def waits(self) -> bool:
        return self.place == "waiting" and self.fail is None

    def leave(self) -> None:
        """Its caller goes away."""
        assert self.fiber is not None
        self.fiber.cancel()


class Lobby:
    """A hall, and the places that it knows."""

    def __init__(
        self, calls: int = 100, *, per_key: int = 100, guard: int = 0, inside: bool = True, terms: Terms | None = None
    ) -> None:
        self.now = 0.0
        self.seen = 0
        self.loop = Clockwork()
        self.counts = Counts()
        self.overload = Overload(100)
        self.terms = terms or Terms()
        loop: Any = self.loop
        self.hall = Hall(
            Queue(calls, per_key, guard), self.terms, self.counts, self.overload, where="for an upstream",
            inside=inside, loop=loop, now=lambda: self.now, uniform=lambda low, high: low, version=lambda: self.seen,
        )  # fmt: skip

    def place(self, name: str = "p", limit: int = 1, *, taken: int | None = None, hold: float = 0.0) -> Place:
        """One that is full, unless ``taken`` says otherwise."""
        made = Place(name, Fixed(limit), self.hall.freed, limit if taken is None else taken)
        if hold:
            made.learn(hold)
        return made

    def call(
        self,
        *places: Place,
        rank: int = NORMAL,
        key: str = "k",
        deadline: float = 600.0,
        front: bool = False,
        look: Callable[[], Any] | None = None,
    ) -> Caller:
        """A call that may sit in ``places``, or where ``look`` says; it sits down as soon as it may."""
        made = exchange()
        made.priority, made.key, made.started, made.deadline = rank, key, self.now, self.now + deadline
        caller = Caller(made)

        async def ask() -> None:
            try:
                caller.place = await self.hall.seat(made, look or (lambda: places), 1.0, front)
            except Fail as fail:
                caller.fail = fail
            else:
                if caller.place is not None:
                    caller.place.begin(self.now)

        caller.fiber = fiber(ask())
        return caller

    async def leave(self, place: Place, took: float = 1.0) -> None:
        """A call there ends well."""
        place.end(self.now, took, None, "ok")
        await turns(2)

    async def sweep(self, seconds: float = 0.0) -> None:
        """Time goes on, and the hall looks around."""
        self.now += seconds
        due, self.loop.later = self.loop.later, []
        for callback in due:
            callback()
        await turns(2)


def in_lobby(story: Callable[[Lobby], Coroutine[Any, Any, None]], *arguments: Any, **settings: Any) -> None:
    async def act() -> None:
        await story(Lobby(*arguments, **settings))

    run(act())
