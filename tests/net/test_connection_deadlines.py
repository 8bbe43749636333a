"""Who stops sending or reading is closed at a deadline; who is only slow is not."""

import asyncio
import time

import pytest

from tests.net.caller import Caller, settled
from tests.net.playing import chat, connection_of, keyed, play
from tests.net.probes import BODY, LENGTH, get, post
from tests.support.gateway import Running


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
