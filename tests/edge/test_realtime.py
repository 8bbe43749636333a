"""Sessions of ``/v1/realtime`` through a whole gateway: what passes, what is counted, what is left."""

import asyncio
import gc
import re
import time

import pytest

from penstock.core import deadlines
from penstock.edge.realtime import Relay
from penstock.edge.realtime_side import Side
from penstock.net.upgraded import Upgraded
from tests.support.gateway import Running
from tests.support.realtime import (
    BINARY,
    CLOSE,
    CONTINUED,
    OPEN,
    PATH,
    PING,
    PONG,
    TEXT,
    Far,
    close,
    cut,
    row_of,
    session,
    sessions,
    until,
    until_clean,
)
from tests.support.socket_caller import SocketCaller, closing, dial, frame, text

# ---- what passes


def test_frames_pass_both_ways_as_they_are() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        parts = [frame(TEXT, b"be", fin=False), frame(PING, b"?"), frame(CONTINUED, b"gun"), frame(BINARY, b"\0\xff")]
        for sent in [parts, [bytes([byte]) for byte in b"".join(parts)]]:  # in one write, then byte by byte
            for part in sent:
                caller.send(part)
                await asyncio.sleep(0)
            assert [await far.frame() for _ in parts] == [
                (TEXT, b"be"), (PING, b"?"), (CONTINUED, b"gun"), (BINARY, b"\0\xff"),
            ]  # fmt: skip
        far.send(frame(PONG, b"?", masked=False), frame(TEXT, b"y" * 70_000, masked=False))
        assert await caller.frame() == (PONG, b"?")
        assert await caller.frame() == (TEXT, b"y" * 70_000)

    session(act)


def test_what_comes_with_the_handshakes_is_not_lost() -> None:
    async def act(gateway: Running, far: "asyncio.Queue[Far]") -> None:
        caller = await dial(gateway.port, path=PATH, behind=text("early"))
        end = await far.get()
        end.say(b"hello")
        assert await end.frame() == (TEXT, b"early")
        assert await caller.frame() == (TEXT, b"hello")
        caller.leave()

    sessions(act)


def test_a_caller_that_does_not_wait_for_the_handshake_is_heard_after_it() -> None:
    """And what it says is not taken for another request."""
    second = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"

    async def act(gateway: Running, far: "asyncio.Queue[Far]") -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                     b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")  # fmt: skip
        writer.write(frame(TEXT, second))
        end = await far.get()
        assert (await end.frame()) == (TEXT, second)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        writer.transport.abort()

    sessions(act)


def test_the_call_is_counted_and_logged_once() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        assert gateway.gateway.upstreams.numbers()["up"] == [1, 1, 1]
        assert gateway.gateway.endpoint.generation.in_flight == 1
        caller.send(text("12345"))
        assert await far.frame() == (TEXT, b"12345")
        far.say(b"1")
        assert await caller.frame() == (TEXT, b"1")
        caller.send(closing(1000))
        assert await far.frame() == close(1000)
        far.send(frame(CLOSE, b"\x03\xe8", masked=False))
        assert await caller.frame() == close(1000)
        assert await cut(caller) == b""
        await until_clean(gateway)
        row = row_of(gateway)
        assert (row["operation"], row["status"], row["outcome"]) == ("realtime", 101, "ok")
        assert (row["model"], row["upstream"], row["attempts"]) == ("m", "up", 1)
        assert (row["bytes_in"], row["bytes_out"]) == (11 + 8, 3 + 4)
        assert 0 < row["first_byte_seconds"] < row["seconds"]

    session(act)


def test_the_total_deadline_ends_no_session_that_is_open() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        until_over = time.monotonic() + 0.5
        while time.monotonic() < until_over:
            caller.send(text("on"))
            assert await far.frame() == (TEXT, b"on")
            await asyncio.sleep(0.02)

    session(act, OPEN + "timeouts: {{total: 200ms}}\n")


def test_a_session_leaves_nothing_for_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "HORIZON_SECONDS", 0.1)

    def here() -> list[object]:
        return [one for one in gc.get_objects() if isinstance(one, Relay | Side | Upgraded)]

    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        assert len(here()) == 5
        caller.leave()
        await until_clean(gateway)
        await until(lambda: not here())

    gc.collect()
    gc.disable()
    try:
        session(act)
    finally:
        gc.enable()


def test_a_reload_leaves_a_session_alone() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        config = gateway.path.read_text()
        gateway.path.write_text(config.replace("sk-up", "sk-new"))
        assert (await gateway.team.reload())["ok"]
        caller.send(text("on"))
        assert await far.frame() == (TEXT, b"on")
        caller.leave()
        await until_clean(gateway)

    session(act)


def test_a_session_tells_its_state() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        (relay,) = gateway.gateway.server._connections
        assert re.fullmatch(r"<Relay req_\S+ open>", repr(relay))

    session(act)
