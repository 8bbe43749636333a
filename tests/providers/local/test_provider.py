import asyncio

import pytest

from penstock.core.call import Call, Operation
from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Whole
from penstock.providers.local.provider import Local

CHAT = Operation("chat", "openai", "/chat/completions", streams=True)
FILES = Operation("files", "openai", "/files", body="opaque")
EMBED = Operation("embeddings", "openai", "/embeddings")


class FakeSeat:
    def __init__(self, api_key: str) -> None:
        self.base_url = "http://127.0.0.1:1/v1"
        self.api_key = api_key
        self.in_flight = 0

    def enter(self) -> None:
        self.in_flight += 1

    def leave(self) -> None:
        self.in_flight -= 1


class FakeEngine:
    def __init__(self, seat: FakeSeat) -> None:
        self.seat = seat
        self.asked: list[float] = []
        self.closed = 0

    async def pick(self, until: float) -> FakeSeat:
        self.asked.append(until)
        return self.seat

    async def aclose(self) -> None:
        self.closed += 1


class FakeInner:
    def __init__(self, base_url: str, api_key: str) -> None:
        self.api_key = api_key
        self.closed = 0
        self.answer: Reply | Exception = Reply(200, [], b"{}")

    def serves(self, call: Call) -> bool:
        return True

    async def send(self, exchange: Exchange, model: str) -> Reply:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def probe(self, method: str, path: str, body: bytes, within: float, limit: int) -> tuple[int, bytes]:
        if isinstance(self.answer, Exception):
            raise self.answer
        assert isinstance(self.answer.body, bytes)
        if len(self.answer.body) > limit:
            raise OverflowError
        return self.answer.status, self.answer.body

    async def aclose(self) -> None:
        self.closed += 1


class Bench:
    """A Local over fakes."""

    def __init__(self) -> None:
        self.made: list[FakeInner] = []
        self.seat = FakeSeat("first")
        self.engine = FakeEngine(self.seat)
        self.embedder = FakeEngine(FakeSeat("of the embedder"))
        self.local = Local(self.engine, self.make, lambda: 100.0, embedder=self.embedder, patience=5.0)

    def make(self, base_url: str, api_key: str) -> FakeInner:
        self.made.append(FakeInner(base_url, api_key))
        return self.made[-1]

    def exchange(self, deadline: float = 1000.0, operation: Operation = CHAT) -> Exchange:
        call = Call(operation, "POST", "/v1/chat/completions", b"", [], "127.0.0.1")
        return Exchange("x", call, 100.0, deadline, Whole())  # type: ignore[arg-type]


def test_what_it_serves() -> None:
    def call(operation: Operation) -> Call:
        return Call(operation, "POST", operation.path, b"", [], "")

    bench = Bench()
    assert [bench.local.serves(call(op)) for op in (CHAT, FILES, EMBED)] == [True, False, True]
    without = Local(bench.engine, bench.make, lambda: 0.0)
    assert not without.serves(call(EMBED))


def test_it_waits_no_longer_than_patience_or_the_deadline() -> None:
    bench = Bench()
    asyncio.run(bench.local.send(bench.exchange(deadline=1000.0), "m"))
    asyncio.run(bench.local.send(bench.exchange(deadline=101.5), "m"))
    assert bench.engine.asked == [105.0, 101.5]


def test_a_whole_reply_frees_the_seat_at_once() -> None:
    bench = Bench()
    reply = asyncio.run(bench.local.send(bench.exchange(), "m"))
    assert reply.body == b"{}"
    assert bench.seat.in_flight == 0


def test_a_live_reply_keeps_the_seat_until_the_exchange_ends() -> None:
    bench = Bench()
    asyncio.run(bench.local.send(bench.exchange(), "m"))
    bench.made[0].answer = Reply(200, [], Whole(b"frame"))
    exchange = bench.exchange()
    asyncio.run(bench.local.send(exchange, "m"))
    assert bench.seat.in_flight == 1
    exchange.finish("ok", 101.0)
    assert bench.seat.in_flight == 0


def test_a_failed_call_frees_the_seat() -> None:
    bench = Bench()
    asyncio.run(bench.local.send(bench.exchange(), "m"))
    bench.made[0].answer = UpstreamError("gone")
    with pytest.raises(UpstreamError, match="gone"):
        asyncio.run(bench.local.send(bench.exchange(), "m"))
    assert bench.seat.in_flight == 0


def test_one_inner_provider_a_life_of_the_engine() -> None:
    bench = Bench()
    for _ in range(3):
        asyncio.run(bench.local.send(bench.exchange(), "m"))
    bench.seat.api_key = "second"
    asyncio.run(bench.local.send(bench.exchange(), "m"))
    assert [(inner.api_key, inner.closed) for inner in bench.made] == [("first", 1), ("second", 0)]
    asyncio.run(bench.local.aclose())
    asyncio.run(bench.local.aclose())
    assert [inner.closed for inner in bench.made] == [1, 1]
    assert bench.engine.closed > 0


def test_a_probe_is_asked_of_each_replica_that_has_served() -> None:
    bench = Bench()

    def probe(limit: int = 100) -> tuple[int, bytes]:
        return asyncio.run(bench.local.probe("GET", "/metrics", b"", 1.0, limit))

    assert probe() == (503, b"")
    asyncio.run(bench.local.send(bench.exchange(), "m"))
    bench.engine.seat = FakeSeat("other")
    asyncio.run(bench.local.send(bench.exchange(), "m"))
    one, other = bench.made
    one.answer, other.answer = Reply(200, [], b"x 1\n"), Reply(200, [], b"x 2\n")
    assert probe() == (200, b"x 1\n\nx 2\n")
    assert probe(8) == (200, b"x 1\n\nx 2\n")
    with pytest.raises(OverflowError):
        probe(7)
    one.answer = UpstreamError("ended")
    assert probe() == (200, b"x 2\n")
    other.answer = UpstreamError("ended")
    assert probe() == (503, b"")


def test_embeddings_are_asked_of_their_own_engine() -> None:
    bench = Bench()
    asyncio.run(bench.local.send(bench.exchange(operation=EMBED), "m"))
    assert [inner.api_key for inner in bench.made] == ["of the embedder"]
    bench.made[0].answer = Reply(500, [], b"input (900 tokens) is too large to process")
    assert asyncio.run(bench.local.send(bench.exchange(operation=EMBED), "m")).status == 400
    asyncio.run(bench.local.aclose())
    assert (bench.engine.closed, bench.embedder.closed) == (1, 1)
