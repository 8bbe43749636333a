"""A pool whose only replica dies under a call: in the real room, with a pool and a clock that are played."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.holding import Bounds, Holding
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target
from penstock.wire.operations import OPERATIONS
from penstock.wire.sse import parse
from tests.support.numbered import TEXT, numbered
from tests.support.targets import Upstream, exchange, target


class Dying(Upstream):
    """It dies with the call that it is given; ``then`` is what comes of that."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        super().__init__(name)
        self._then = then

    async def send(self, exchange: Exchange, model: str) -> Reply:
        self.sent.append(model)
        self._then()
        raise UpstreamError("closed the connection", phase="headers")


class Reader:
    """It takes the events of a stream until its end."""

    def __init__(self) -> None:
        self.got = b""
        self.error: Fail | None = None
        self.over = asyncio.Event()

    def push(self, frame: bytes) -> None:
        self.got += frame

    def end(self, error: Fail | None) -> None:
        self.error = error
        self.over.set()

    @property
    def text(self) -> str:
        events = [msgspec.json.decode(event.data) for event in parse(self.got) if event.data != b"[DONE]"]
        return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])


def streamed() -> Exchange:
    one = exchange(operation=next(one for one in OPERATIONS if one.name == "chat"))
    one.call.stream = True
    one.call.body = b'{"model": "m", "stream": true, "messages": [{"role": "user", "content": "count"}]}'
    return one


def entry(*those: Target) -> Entry:
    return Entry("m", those, make_strategy("round_robin"))


class Pool:
    """``starts``: addresses of the replicas that it starts, each of which dies if it is one of ``dies``."""

    def __init__(self, *, calls: int = 1, retries: int = 2, seen_after: float = 0.0) -> None:
        self.now, self.seen_after = 0.0, seen_after
        self.woken: list[str] = []
        self.first = Target("gpu@h:1", Dying("gpu@h:1", self.lose))
        self.newest = entry(self.first)
        self.holding = Holding(self.wake, lambda: self.now, asyncio.get_running_loop())
        self.holding.bounds = {"m": Bounds("gpu", calls, 0.05)}
        self.next: list[Target] = []
        self.room = Routing(
            Table([self.newest]), [], retries=retries, holding=self.holding, newest=lambda _, one: self.newest,
            now=lambda: self.now, uniform=lambda low, high: high, sleep=self.sleep,
        )  # fmt: skip

    def lose(self) -> None:
        """Its replica died; routing is told after ``seen_after``."""
        if self.seen_after <= self.now:
            self.newest = entry()

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.seen_after <= self.now:
            self.newest = entry()

    def wake(self, pool: str) -> None:
        self.woken.append(pool)
        if self.next:
            asyncio.get_running_loop().call_soon(self.serve, self.next.pop(0))

    def serve(self, one: Target) -> None:
        self.now += 3.0
        self.newest = entry(one)
        self.holding.look(lambda _: True)

    def dying(self, name: str) -> Target:
        return Target(name, Dying(name, self.lose))


def test_a_call_whose_only_replica_died_waits_for_the_next_one() -> None:
    async def main() -> None:
        pool = Pool()
        pool.next = [target("gpu@h:2")]
        one = exchange()
        reply = await pool.room(one, None)  # type: ignore[arg-type]
        assert reply.body == b"gpu@h:2"
        assert (one.attempts, one.upstream, one.waits) == (2, "gpu@h:2", {"start": 3.0})

    run(main())


def test_one_that_is_gone_by_the_end_of_the_wait_is_not_asked_again() -> None:
    async def main() -> None:
        pool = Pool(seen_after=0.1)
        pool.next = [target("gpu@h:2")]
        one = exchange()
        assert (await pool.room(one, None)).body == b"gpu@h:2"  # type: ignore[arg-type]
        assert (one.attempts, one.waits) == (2, {"retry": 0.25, "start": 3.0})

    run(main())


def test_a_call_that_kills_each_replica_kills_no_more_than_it_has_attempts() -> None:
    async def main() -> None:
        pool = Pool()
        pool.next = [pool.dying(f"gpu@h:{number}") for number in range(2, 9)]
        one = exchange()
        with pytest.raises(UpstreamError, match="closed the connection"):
            await pool.room(one, None)  # type: ignore[arg-type]
        assert one.attempts == 3

    run(main())


@pytest.mark.parametrize("options", [{"retries": 0}, {"calls": 0}, {}])
def test_where_it_may_not_wait_or_none_comes_it_is_told_of_the_one_that_died(options: dict[str, int]) -> None:
    async def main() -> None:
        pool = Pool(**options)
        with pytest.raises(UpstreamError, match="closed the connection"):
            await pool.room(exchange(), None)  # type: ignore[arg-type]
        assert pool.woken == ([] if options.get("retries") == 0 else ["gpu"])

    run(main())


def test_a_stream_on_the_last_replica_is_led_on_by_its_successor() -> None:
    async def main() -> None:
        pool = Pool(seen_after=-1.0)
        pool.newest = entry(numbered("gpu@h:1", 5))
        room = Routing(
            Table([pool.newest]), [], retries=2, holding=pool.holding, newest=lambda _, one: pool.newest,
            now=lambda: pool.now, uniform=lambda low, high: low, sleep=pool.sleep,
        )  # fmt: skip
        one, caller = streamed(), Reader()
        reply = await room(one, None)  # type: ignore[arg-type]
        pool.lose()
        pool.next = [numbered("gpu@h:2")]
        assert not isinstance(reply.body, bytes)
        reply.body.start(caller)
        async with asyncio.timeout(5):
            await caller.over.wait()
        assert (caller.error, caller.text) == (None, TEXT)
        assert (one.failures, one.upstream, one.waits) == ([("reset", "gpu@h:1")], "gpu@h:2", {"start": 3.0})

    run(main())
