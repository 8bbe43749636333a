import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from tests.net.caller import Caller, calling, settled
from tests.net.probes import BODY, LENGTH, get, post
from tests.support.gateway import ECHO, Running, ask, running_gateway

QUICK = """listen: {first_byte_timeout: 300ms, head_timeout: 300ms, body_timeout: 300ms, idle_timeout: 300ms,
         write_timeout: 400ms, max_body: 16MiB}
"""
SLOW_ECHO = "upstreams: {echo: {kind: echo, tokens_per_second: 50}}\nmodels: {echo: {upstreams: [echo]}}\n"

Scene = Callable[[Running, Caller], Awaitable[None]]


def play(scene: Scene, config: str = ECHO + QUICK, *, receive_buffer: int = 0) -> None:
    """Run ``scene`` with a caller; afterwards nothing of it may be left in the gateway."""

    async def main() -> None:
        async with running_gateway(config) as gateway:
            try:
                async with calling(gateway.port, receive_buffer=receive_buffer) as caller:
                    await scene(gateway, caller)
            except BaseException:
                gateway.gateway.server.abort_all()
                raise
            assert (await ask(gateway.port, "GET", "/health")).status == 200
            await settled(lambda: not gateway.gateway.server.open)
            assert gateway.gateway.ledger.held == 0
            assert gateway.gateway.endpoint.generation.in_flight == 0

    uvloop.run(main())


def keyed(gateway: Running, data: bytes) -> bytes:
    return data.replace(b"KEY", gateway.key.encode())


def chat(gateway: Running, content: str, **more: Any) -> bytes:
    body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": content}], **more}).encode()
    return keyed(gateway, post(b"Content-Length: %d" % len(body), body=body))


def connection_of(gateway: Running) -> Any:
    (connection,) = gateway.gateway.server._connections
    return connection


# ---- deadlines


@pytest.mark.parametrize(
    ("said", "statuses"),
    [
        (b"", []),
        (b"\r\n\r\n", []),
        (b"GE", []),
        (b"GET /health HTT", [408]),
        (get()[:-2], [408]),
        (post(LENGTH)[:-10], [408]),
        (post(b"Transfer-Encoding: chunked", body=b"5\r\n{"), [408]),
        (get(), [200]),
        (get() + get()[:-2], [200, 408]),
        (post(LENGTH) + get()[:-9], [200, 408]),
    ],
    ids=str,
)
def test_who_stops_is_closed_at_the_deadline(said: bytes, statuses: list[int]) -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        began = time.monotonic()
        caller.send(keyed(gateway, said))
        answers = await caller.closed()
        assert [answer.status for answer in answers] == statuses
        assert 0.2 < time.monotonic() - began < 2.0

    play(scene)


def test_a_dribbled_head_gets_no_second_deadline() -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        began = time.monotonic()
        answered = asyncio.ensure_future(caller.closed())
        for byte in get(b"/health", b"X-A: " + b"a" * 100):
            if answered.done():
                break
            caller.send(bytes([byte]))
            await asyncio.sleep(0.03)
        assert [answer.status for answer in await answered] == [408]
        assert time.monotonic() - began < 2.0

    play(scene)


def test_a_slow_body_may_take_its_time_while_it_moves() -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        data = keyed(gateway, post(LENGTH, b"Connection: close"))
        head, body = data[: -len(BODY)], data[-len(BODY) :]
        caller.send(head)
        for at in range(0, len(body), 6):
            await asyncio.sleep(0.08)
            caller.send(body[at : at + 6])
        assert [answer.status for answer in await caller.closed()] == [200]

    play(scene)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"], ids=["keep-alive", "close"])
def test_a_caller_that_never_reads_is_dropped(stream: bool, last: bytes) -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        caller.writer.transport.pause_reading()
        call = chat(gateway, "word " * 1_000_000, stream=stream)
        caller.send(call.replace(b"\r\n\r\n", b"\r\n" + last + b"\r\n", 1))
        await settled(lambda: connection_of(gateway).unsent() > 0)
        began = time.monotonic()
        await settled(lambda: not gateway.gateway.server.open)
        assert 0.2 < time.monotonic() - began < 3.0

    play(scene, receive_buffer=4096)


@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"], ids=["keep-alive", "close"])
def test_a_caller_that_reads_slowly_is_not_dropped(last: bytes) -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        call = chat(gateway, "a" * 1_000_000)
        caller.send(call.replace(b"\r\n\r\n", b"\r\n" + last + b"\r\n", 1))
        began = time.monotonic()
        while len(caller.got) < 1_000_000:
            assert await caller.more(8192)
            await asyncio.sleep(0.01)
        assert time.monotonic() - began > 0.8  # twice the write timeout
        (answer,) = await caller.closed()
        assert answer.json()["choices"][0]["message"]["content"] == "a" * 1_000_000

    play(scene, receive_buffer=8192)


# ---- what a caller may make us hold


@pytest.mark.parametrize("at_once", [True, False])
def test_answers_nobody_reads_do_not_pile_up(at_once: bool) -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        caller.writer.transport.pause_reading()
        call = chat(gateway, "a" * 100_000)
        count = 40
        if at_once:
            caller.send(call * count)
        highest = 0
        for _ in range(count):
            if not at_once:
                caller.send(call)
            await asyncio.sleep(0.01)
            highest = max(highest, connection_of(gateway).unsent())
        assert 0 < highest < 3 * len(call)
        caller.writer.transport.resume_reading()
        async with asyncio.timeout(20):
            while caller.got.count(b"HTTP/1.1 200 OK") < count:
                assert await caller.more(1 << 20)

    play(scene, ECHO, receive_buffer=65536)


def test_what_is_pipelined_behind_a_stream_waits_outside() -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        caller.send(chat(gateway, "one two three four five", stream=True))
        caller.send(chat(gateway, "b" * 100_000) * 100)
        await caller.until(b"one")
        connection = connection_of(gateway)
        held = sum(len(turn.body.early) for turn in connection._turns)
        assert held < 1_000_000
        await caller.until(b"[DONE]")
        async with asyncio.timeout(20):
            while caller.got.count(b"HTTP/1.1 200 OK") < 101:
                assert await caller.more(1 << 20)

    play(scene, SLOW_ECHO)


def test_pipelined_answers_keep_their_order() -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        calls = [chat(gateway, f"number {n}", stream=n % 3 == 0) for n in range(90)]
        caller.send(b"".join(calls) + get(b"/health", b"Connection: close"))
        answers = await caller.closed(20)
        assert len(answers) == 91
        for number, answer in enumerate(answers[:-1]):
            assert f"{number}".encode() in answer.body
            assert (answer.headers["content-type"] == "application/json") == (number % 3 != 0)

    play(scene, ECHO)


def test_a_refused_body_does_not_hide_the_refusal() -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        size = 10 * 1024 * 1024
        caller.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(160):
            caller.send(b"a" * 65536)
        (answer,) = await caller.closed()
        assert answer.status == 401
        assert answer.whole
        assert answer.json()["error"]["code"] == "missing_api_key"
        assert answer.headers["connection"] == "close"

    play(scene, ECHO)


def test_lingering_ends() -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        caller.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n")
        await caller.until(b"missing_api_key")
        began = time.monotonic()
        while gateway.gateway.server.open:
            caller.send(b"a")
            await asyncio.sleep(0.02)
            assert time.monotonic() - began < 6.0

    play(scene, ECHO)


MAX_BODY = 65536


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 413)])
def test_the_largest_body(chunked: bool, extra: int, status: int) -> None:
    body = BODY + b" " * (MAX_BODY + extra - len(BODY))

    async def scene(gateway: Running, caller: Caller) -> None:
        close = b"Connection: close"
        if chunked:
            half = len(body) // 2
            framed = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (half, body[:half], len(body) - half, body[half:])
            caller.send(keyed(gateway, post(b"Transfer-Encoding: chunked", close, body=framed)))
        else:
            caller.send(keyed(gateway, post(b"Content-Length: %d" % len(body), close, body=body)))
        (answer,) = await caller.closed()
        assert answer.status == status

    play(scene, ECHO + f"listen: {{max_body: {MAX_BODY}}}\n")


def test_a_body_over_the_limit_is_refused_when_only_announced() -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        caller.send(keyed(gateway, post(b"Content-Length: %d" % (MAX_BODY + 1), body=b"")))
        await caller.until(b"body_too_large")

    play(scene, ECHO + f"listen: {{max_body: {MAX_BODY}}}\n")


# ---- 100-continue


def test_a_caller_told_to_continue_continues() -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        caller.send(keyed(gateway, post(LENGTH, b"Expect: 100-continue", b"Connection: close", body=b"")))
        await caller.until(b"HTTP/1.1 100 Continue\r\n\r\n")
        caller.send(BODY)
        (answer,) = await caller.closed()
        assert answer.status == 200
        assert caller.got.count(b"100 Continue") == 1

    play(scene, ECHO)


@pytest.mark.parametrize(
    ("key", "length", "code"), [(b"KEY", 99_999_999, b"body_too_large"), (b"sk-pen-wrong", 10, b"invalid_api_key")]
)
def test_who_is_refused_is_not_told_to_continue(key: bytes, length: int, code: bytes) -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        asked = post(b"Content-Length: %d" % length, b"Expect: 100-continue", body=b"").replace(b"KEY", key)
        caller.send(keyed(gateway, asked))
        await caller.until(code)
        assert b"100 Continue" not in caller.got

    play(scene, ECHO)


# ---- callers that leave


@pytest.mark.parametrize("cut", ["head", "body", "answer", "stream", "pipeline"])
@pytest.mark.parametrize("abrupt", [False, True], ids=["fin", "rst"])
def test_a_caller_that_leaves_leaves_nothing_behind(cut: str, abrupt: bool) -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        call = chat(gateway, "word " * 1000, stream=True)
        if cut == "pipeline":
            call *= 5
        caller.send({"head": call[:40], "body": call[:-40]}.get(cut, call))
        if cut in ("stream", "pipeline"):
            await caller.until(b"word")
        else:
            await settled(lambda: gateway.gateway.server.open == 1)
        if abrupt:
            caller.writer.transport.abort()
        else:
            caller.writer.close()
        await settled(lambda: not gateway.gateway.server.open)

    play(scene, SLOW_ECHO)


def test_one_byte_at_a_time() -> None:
    async def scene(gateway: Running, caller: Caller) -> None:
        for byte in keyed(gateway, post(LENGTH, b"Connection: close")):
            caller.send(bytes([byte]))
            await asyncio.sleep(0)
        assert [answer.status for answer in await caller.closed()] == [200]

    play(scene, ECHO)
