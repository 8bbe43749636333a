"""Races for tests: providers that answer when the test says so, in a room where every call is late after 2 ms."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.ask import Ask
from penstock.routing.hedge import EVERY, Hedge
from penstock.routing.stage import Routing
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Changes, Target
from penstock.routing.trial import Side
from penstock.wire import openai_chat
from penstock.wire.counts import Usage
from tests.support.fibers import until
from tests.support.numbered import Frames
from tests.support.streams import Reader
from tests.support.targets import exchange

DELAY = 0.002
BODY = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"count"}]}'
Serving = asyncio.Task[Reply]
Act = Callable[[Exchange, Serving], Awaitable[None]]


class Lever:
    """A provider that answers when the test says so: ``pull`` with a reply or an error. ``asked``: by whom."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[Exchange] = []
        self.cancelled = 0
        self._waits: list[Promise[Reply]] = []

    def serves(self, call: object) -> bool:
        return True

    async def send(self, exchange: Exchange, model: str) -> Reply:
        waits: Promise[Reply] = Promise(asyncio.get_running_loop())
        self.asked.append(exchange)
        self._waits.append(waits)
        try:
            return await waits
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def pull(self, result: Reply | Exception) -> None:
        if isinstance(result, Exception):
            self._waits[-1].set_exception(result)
        else:
            self._waits[-1].set_result(result)

    async def aclose(self) -> None: ...


class InOrder:
    """The first of those that were not chosen yet."""

    prefix = False
    largest = False

    def __init__(self) -> None:
        self.chosen: list[Target] = []

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        self.chosen.append(next(target for target in targets if target not in self.chosen))
        return self.chosen[-1]

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        return {}


def lever(name: str, changes: Changes | None = None) -> Target:
    return Target(name, Lever(name), 1, "llamacpp", changes=changes)


def of(target: Target) -> Lever:
    provider: Any = target.provider
    assert isinstance(provider, Lever)
    return provider


def hedge(budget: float = 1.0, delay: float = DELAY) -> Hedge:
    """One that knows enough: every call is late after ``delay``."""
    made = Hedge(0.95, budget, delay)
    one = exchange().call
    for one.stream in (False, True):
        for _ in range(3 * EVERY):
            made.learn(one, 0.0)
    return made


def call(stream: bool = False) -> Exchange:
    one = exchange()
    one.call.stream = one.call.usage_wanted = stream
    one.call.body = BODY
    one.deadline = asyncio.get_running_loop().time() + 60
    return one


async def no_room_below(exchange: Exchange) -> Reply:
    raise AssertionError


def play(
    act: Act,
    *those: Target,
    stream: bool = False,
    retries: int = 0,
    how: Hedge | None = None,
    body: bytes = b"",
    side: Side | None = None,
    rescue: bool = True,
) -> Exchange:
    """``act`` while the room serves a call. Afterwards no seat may be taken."""

    async def main() -> Exchange:
        one = call(stream)
        one.call.body = body or one.call.body
        entry = Entry("m", those, InOrder(), hedge=how or hedge(), side=side)
        room = Routing(Table([entry]), those, retries=retries, rescue=rescue, uniform=lambda low, high: low)

        async def serve() -> Reply:
            return await room(one, no_room_below)

        serving = asyncio.ensure_future(serve())
        await act(one, serving)
        one.finish("ok", 1.0)
        await asyncio.sleep(0)
        return one

    one = run(main())
    assert [target.in_flight for target in those] == [0] * len(those), "a seat is still taken"
    assert [target.load.waiting for target in those] == [0.0] * len(those)
    return one


async def asked(*those: Target) -> None:
    """Wait until all of them were asked."""
    await until(lambda: all(of(target).asked for target in those))


def chunks(*words: str) -> Reply:
    """A stream that says ``words``."""
    frames = list(openai_chat.stream("c", "m", 7, words, Usage(3, len(words), 1)))
    return Reply(200, [], Frames(frames), events=True)


async def take(serving: Serving, one: Exchange) -> Reader:
    """Take the stream to its end, as the edge does."""
    caller, reply = Reader(), await serving
    assert not isinstance(reply.body, bytes)
    reply.body.start(caller)
    await until(lambda: bool(caller.ends))
    error: Fail | None = caller.ends[0]
    one.error = error
    one.finish("ok" if error is None else "error", 1.0)
    return caller
