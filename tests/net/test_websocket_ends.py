"""How a socket ends: by either side, at a deadline, because its peer does not read, or with the server."""

import asyncio
import contextlib
import struct
import tracemalloc

import pytest

from penstock.core.errors import GatewayError
from penstock.net.server import Limits
from penstock.net.websocket import MOST_FRAMES
from tests.support.socket_bench import CLOSE, PING, PONG, TEXT, Bench, answers, with_caller
from tests.support.socket_caller import SocketCaller, closing, frame, text

# ---- the end


@pytest.mark.parametrize("code", [1000, 1001, 1007, 1013, 3000, 4999])
def test_a_close_is_answered_with_its_code(code: int) -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        caller.send(closing(code, b"bye"), text("too late"))
        assert await caller.frame() == (CLOSE, struct.pack("!H", code))
        async with asyncio.timeout(5):
            assert await caller.reader.read() == b""
        assert made.talk.calls == ["lost"]

    with_caller(act)


def test_a_close_without_a_code_is_answered_without_one() -> None:
    answers(frame(CLOSE), (CLOSE, b""))


def test_our_close_waits_for_the_answer_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.net.websocket.CLOSING_SECONDS", 0.05)

    async def act(caller: SocketCaller, made: Bench) -> None:
        made.talk.socket.close(1000, "enough")
        assert await caller.frame() == (CLOSE, b"\x03\xe8enough")
        caller.send(text("not read"))
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):
                assert await caller.reader.read() == b""
        made.talk.socket.send(b"on a closed socket nothing happens")
        assert made.talk.calls == ["lost"]

    with_caller(act)


def test_a_long_reason_is_cut_between_characters() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        made.talk.socket.close(1000, "€" * 100)
        _, payload = await caller.frame()
        assert payload[2:].decode() == "€" * 41

    with_caller(act)


# ---- deadlines


def test_a_live_peer_is_pinged_and_kept() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        for _ in range(3):
            assert await caller.frame() == (PING, b"")
            caller.send(frame(PONG))
        caller.send(text("here"))
        assert (TEXT, b"here") in [await caller.frame() for _ in range(2)]

    with_caller(act, ping=0.05)


def test_a_silent_peer_is_dropped() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        assert await caller.frame() == (PING, b"")
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):
                await caller.reader.read()
        await made.door.until(lambda: made.door.server.open == 0)

    with_caller(act, ping=0.05)


def test_an_idle_socket_is_closed_unless_a_call_runs() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        made.talk.busy = True
        for _ in range(4):
            assert await caller.frame() == (PING, b"")
            caller.send(frame(PONG))
        made.talk.busy = False
        got = await caller.frame()
        while got == (PING, b""):
            caller.send(frame(PONG))
            got = await caller.frame()
        assert got == (CLOSE, b"\x03\xe8idle")

    with_caller(act, ping=0.03, idle=0.06)


# ---- a peer that does not read


async def _fill(made: Bench, caller: SocketCaller) -> int:
    """Send until the peer's side, which reads nothing, is full and stays so; how many bytes went out."""
    caller.writer.transport.pause_reading()
    sent = still = 0
    while still < 20:
        still += 1
        if made.talk.socket.writable:
            made.talk.socket.send(b"x" * 60_000)
            sent += 60_000
            still = 0
        await asyncio.sleep(0.001)
        assert sent < 64_000_000
    return sent


def test_who_does_not_read_is_held_and_not_read_from() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        sent = await _fill(made, caller)
        before = [*made.talk.calls]
        assert before[-1] == "hold"
        caller.send(text("unread") * 5, frame(PING, b"1"), frame(PING, b"2"))
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert made.talk.calls == before
        caller.writer.transport.resume_reading()
        got = 0
        while got < sent:
            _, payload = await caller.frame()
            got += len(payload)
        await made.door.until(lambda: made.talk.calls.count("take") == 5)
        assert made.talk.calls[len(before)] == "release"
        assert [await caller.frame() for _ in range(7)][-1] == (PONG, b"2")

    with_caller(act)


def test_who_takes_nothing_for_too_long_is_dropped() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        await _fill(made, caller)
        await made.door.until(lambda: made.door.server.open == 0)

    with_caller(act, limits=Limits(write_timeout=0.1))


# ---- the server stops


def test_a_stopping_server_closes_idle_sockets_and_waits_for_busy_ones() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        made.talk.busy = True
        made.door.server.stop_accepting()
        caller.send(text("still here"))
        assert await caller.frame() == (TEXT, b"still here")
        made.talk.busy = False
        made.talk.socket.rest()
        assert await caller.closed() == 1001

    with_caller(act)


def test_a_server_that_ends_all_tells_the_talk_first() -> None:
    async def act(caller: SocketCaller, made: Bench) -> None:
        made.door.server.end_all(GatewayError("stopping"))
        assert await caller.closed() == 1001
        assert made.talk.calls == ["end 503", "lost"]

    with_caller(act)


# ---- floods


def test_a_flood_of_frames_is_taken_a_few_at_a_time() -> None:
    """One read can bring tens of thousands of them, and the loop may do many reads in a row: others wait meanwhile."""
    count = 20_000

    async def act(caller: SocketCaller, made: Bench) -> None:
        caller.send(text("x") * count)
        answered = asyncio.ensure_future(caller.reader.readexactly(count * 3))
        most = before = 0
        async with asyncio.timeout(20):
            while not answered.done():
                await asyncio.sleep(0)
                now = made.talk.calls.count("take")
                most, before = max(most, now - before), now
        assert await answered == b"\x81\x01x" * count
        assert 0 < most <= 2 * MOST_FRAMES

    with_caller(act)


def test_a_message_of_tiny_fragments_takes_little_more_than_its_bytes() -> None:
    size = 90_000

    async def act(caller: SocketCaller, made: Bench) -> None:
        tracemalloc.start()
        for number in range(size // 2):
            made.talk.socket._take_text(b"%02d" % (number % 100), ended=False)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert made.room.held == size
        assert held < 2 * size
        made.talk.socket._take_text(b"", ended=True)
        _, message = await caller.frame()
        assert (len(message), message[:6]) == (size, b"000102")

    with_caller(act)
