"""A second upstream beside a late first one, on real sockets: who answers, who is hung up on, what is counted."""

import asyncio
import contextlib
import gc
import json
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from penstock.core.exchange import Exchange
from penstock.process.loop import run
from tests.support.gateway import Running, running_gateway
from tests.support.load import chat
from tests.support.scripted_upstream import EVENTS, Answer, Request, ScriptedUpstream
from tests.support.sockets import Answer as Got
from tests.support.sockets import parse_answers, raw

CONFIG = """
auth: {{mode: open}}
retries: {{max: 0}}
upstreams:
  a: {{kind: vllm, base_url: "{a}"}}
  b: {{kind: vllm, base_url: "{b}"}}
models:
  m: {{upstreams: [a, b], strategy: round_robin}}
hedge: {{enabled: {enabled}, percentile: 0.9, budget: {budget}, least_delay: 60ms}}
"""
CALLS = 24
"""Enough for both upstreams to have been first, and for the delay to be known."""
AT_ONCE_SECONDS = 0.1


class Twin(ScriptedUpstream):
    """Answers with its name at once, or while ``silent`` not at all. ``hung_up``: when its callers did so."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.silent = threading.Event()
        self.asked: list[float] = []
        self.hung_up: list[float] = []

    def _answer(self, connection: socket.socket, request: Request) -> None:
        self.asked.append(time.monotonic())
        if self.silent.is_set():
            select.select([connection], [], [], 5.0)
            self.hung_up.append(time.monotonic())
            raise OSError("hung up on")
        if b'"stream": true' not in request.body:
            usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
            body = json.dumps({"said": self.name, "usage": usage}).encode()
            connection.sendall(Answer(body=body).head() + body)
            return
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head())
        piece = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": self.name}}]}
        end = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        for event in (json.dumps(piece), json.dumps(end), "[DONE]"):
            data = f"data: {event}\n\n".encode()
            connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))
        connection.sendall(b"0\r\n\r\n")


@pytest.fixture
def twins() -> Iterator[tuple[Twin, Twin]]:
    with Twin("a") as a, Twin("b") as b:
        yield a, b


@contextlib.asynccontextmanager
async def gateway(
    twins: tuple[Twin, Twin], *, stream: bool, budget: float = 1, enabled: bool = True
) -> AsyncIterator[Running]:
    """One that knows how long first tokens take here, and whose next call goes to ``a``."""
    a, b = twins
    text = CONFIG.format(a=a.url, b=b.url, budget=budget, enabled=str(enabled).lower())
    async with running_gateway(text) as running:
        for _ in range(CALLS):
            assert (await call(running, stream)).status == 200
        a.asked.clear()
        b.asked.clear()
        yield running


async def call(running: Running, stream: bool, **more: object) -> Got:
    (answer,) = parse_answers(await raw(running.port, chat("m", stream=stream, **more)))
    assert answer.whole
    return answer


async def seen(true: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - the upstreams have no loop
            await asyncio.sleep(0.002)


def numbers(running: Running) -> dict[str, int]:
    """What came of second attempts; seats taken."""
    observed = running.gateway.observed
    assert observed is not None
    seats = sum(row[0] for row in running.gateway.upstreams.numbers().values())
    return {**observed.board.hedges, "seats": seats}


@pytest.mark.parametrize("stream", [False, True])
def test_a_silent_first_is_overtaken_and_hung_up_on(twins: tuple[Twin, Twin], stream: bool) -> None:
    a, b = twins

    async def main() -> None:
        async with gateway(twins, stream=stream) as running:
            a.silent.set()
            began = time.monotonic()
            answer = await call(running, stream)
            took = time.monotonic() - began
            assert (answer.status, answer.headers["x-penstock-upstream"]) == (200, "b")
            assert answer.headers["x-penstock-attempts"] == "2"
            assert b'"b"' in answer.body
            assert 0.06 <= took < 2.0
            await seen(lambda: a.hung_up)
            assert a.hung_up[0] - b.asked[0] < AT_ONCE_SECONDS
            await seen(lambda: numbers(running) == {"won": 1, "seats": 0})
            # The next one is b's turn, and b is in time.
            assert (await call(running, stream)).headers["x-penstock-attempts"] == "1"

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_that_leaves_is_heard_by_both_at_once(twins: tuple[Twin, Twin], stream: bool) -> None:
    a, b = twins

    async def main() -> None:
        async with gateway(twins, stream=stream) as running:
            a.silent.set()
            b.silent.set()
            _, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(chat("m", stream=stream, keep=True))
            await seen(lambda: a.asked and b.asked)
            left = time.monotonic()
            writer.transport.abort()
            await seen(lambda: a.hung_up and b.hung_up)
            assert max(a.hung_up[0], b.hung_up[0]) - left < AT_ONCE_SECONDS
            await seen(lambda: numbers(running) == {"left": 1, "seats": 0})

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_the_deadline_holds_for_both(twins: tuple[Twin, Twin], stream: bool) -> None:
    a, b = twins

    async def main() -> None:
        async with gateway(twins, stream=stream) as running:
            text = running.path.read_text() + "timeouts: {total: 300ms}\n"
            running.path.write_text(text)
            assert (await running.team.reload())["ok"]
            for _ in range(CALLS):
                assert (await call(running, stream)).status == 200
            a.silent.set()
            b.silent.set()
            began = time.monotonic()
            assert (await call(running, stream)).status == 504
            assert time.monotonic() - began < 2.0
            await seen(lambda: len(a.hung_up) == len(b.hung_up) == 1)
            await seen(lambda: numbers(running)["seats"] == 0)

    run(main())


@pytest.mark.parametrize(("options", "fields"), [({"budget": 0}, {}), ({"enabled": False}, {}), ({}, {"store": True})])
def test_where_no_second_is_made_the_first_is_waited_for(
    twins: tuple[Twin, Twin], options: dict[str, object], fields: dict[str, object]
) -> None:
    a, b = twins

    async def main() -> None:
        async with gateway(twins, stream=False, **options) as running:  # type: ignore[arg-type]
            a.silent.set()
            waiting = asyncio.ensure_future(raw(running.port, chat("m", **fields)))
            await seen(lambda: a.asked)
            await asyncio.sleep(0.2)  # three times the delay
            assert b.asked == []
            waiting.cancel()
            await seen(lambda: numbers(running)["seats"] == 0)

    run(main())


def test_a_race_leaves_nothing_for_the_collector(twins: tuple[Twin, Twin]) -> None:
    a, _ = twins

    def exchanges() -> set[int]:
        return {id(one) for one in gc.get_objects() if isinstance(one, Exchange)}

    async def main() -> None:
        async with gateway(twins, stream=True) as running:
            await seen(lambda: numbers(running)["seats"] == 0)
            gc.collect()
            others = exchanges()
            gc.disable()
            try:
                a.silent.set()
                for _ in range(4):
                    assert (await call(running, True)).status == 200
                await seen(lambda: numbers(running) == {"won": 2, "seats": 0})
                await seen(lambda: exchanges() <= others)
            finally:
                gc.enable()

    run(main())
