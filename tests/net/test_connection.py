import asyncio
import os
import socket
import time

import pytest

from penstock.net import connection
from tests.net.caller import Caller, settled
from tests.net.playing import SLOW_ECHO, chat, connection_of, keyed, play
from tests.net.probes import BODY, LENGTH, get, post
from tests.support.gateway import ECHO, Running


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


def test_a_refused_caller_that_goes_on_sending_is_read_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot read the refusal before it has sent its body: a connection reset then would hide it."""
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.2)

    async def scene(gateway: Running, caller: Caller) -> None:
        size = 4 * 1024 * 1024
        caller.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        began = time.monotonic()
        sent = 0
        while sent < size:
            caller.send(b"a" * 65536)
            sent += 65536
            await asyncio.sleep(0.02)
        assert time.monotonic() - began > 1.0, "it took longer than the shortest linger"
        assert gateway.gateway.server.open, "and was not cut off"
        (answer,) = await caller.closed()
        assert (answer.status, answer.whole) == (401, True)

    play(scene, ECHO)


def test_a_caller_is_not_late_because_the_loop_was_busy() -> None:
    """What it sent lies in the kernel: a gateway that could not take it in time may not say that it stopped coming."""

    async def scene(gateway: Running, caller: Caller) -> None:
        whole = chat(gateway, "hello")
        half = len(whole) - 20
        caller.send(whole[:half])
        await settled(lambda: gateway.gateway.in_flight() == 1)
        descriptor = caller.writer.get_extra_info("socket").fileno()
        left, right = socket.socketpair()

        def busy() -> None:  # as a long turn of other connections' data is: the wheel turns before data is read again
            loop.remove_reader(right)
            os.write(descriptor, whole[half:])
            time.sleep(0.6)  # twice the body's time

        loop = asyncio.get_running_loop()
        with left, right:
            loop.add_reader(right, busy)
            left.send(b"now")
            await caller.until(b"200 OK")

    play(scene)


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
