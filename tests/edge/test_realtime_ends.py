"""How sessions of ``/v1/realtime`` end: by a goodbye, a loss, silence, a revoked key, or with the gateway."""

import asyncio
from typing import Any

import pytest

from penstock.core.errors import GatewayError
from tests.support.gateway import Running
from tests.support.realtime import (
    CLOSE,
    CONFIG,
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

# ---- goodbyes


def test_the_upstream_may_say_goodbye_first() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        far.send(frame(CLOSE, b"\x0b\xb8done", masked=False), frame(TEXT, b"too late", masked=False))
        assert await caller.frame() == close(3000, b"done")
        caller.send(closing(3000))
        assert await far.frame() == close(3000)
        assert (await cut(caller), await far.gone()) == (b"", b"")
        assert row_of(gateway)["outcome"] == "ok"

    session(act)


def test_an_upstream_that_closes_behind_its_goodbye_ends_it_well() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        far.send(frame(CLOSE, b"\x03\xe8", masked=False))
        far.line.writer.close()
        assert await caller.closed() == 1000
        await until_clean(gateway)
        assert (row_of(gateway)["outcome"], row_of(gateway)["error"]) == ("ok", None)

    session(act)


def test_an_upstream_that_closes_instead_of_answering_a_goodbye() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        caller.send(closing(1000))
        assert await far.frame() == close(1000)
        far.line.writer.close()
        assert await caller.frame() == close(1000)
        assert await cut(caller) == b""
        assert row_of(gateway)["outcome"] == "ok"

    session(act)


def test_a_goodbye_that_is_not_answered_is_waited_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.edge.realtime.CLOSING_SECONDS", 0.05)

    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        caller.send(closing(1000))
        assert await far.frame() == close(1000)
        assert (await cut(caller), await far.gone()) == (b"", b"")
        assert row_of(gateway)["outcome"] == "ok"

    session(act)


# ---- who leaves


@pytest.mark.parametrize("how", ["reset", "end of stream"])
def test_a_caller_that_leaves_ends_the_upstream_at_once(how: str) -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        if how == "reset":
            caller.leave()
        else:
            caller.writer.close()
        assert await far.gone(within=5.0) == b""
        await until_clean(gateway)
        assert row_of(gateway)["outcome"] == "left"

    session(act)


def test_an_upstream_that_breaks_off_is_told_to_the_caller() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        far.say(b"and then")
        far.line.writer.close()
        assert await caller.frame() == (TEXT, b"and then")
        told = b"upstream 'up' closed the connection in the middle of the session"
        assert await caller.frame() == close(1011, told)
        caller.send(closing(1011))
        assert await cut(caller) == b""
        await until_clean(gateway)
        row = row_of(gateway)
        assert (row["outcome"], row["status"], row["error"]) == ("error", 101, "upstream_failed")

    session(act)


def test_a_frame_that_stays_cut_never_looks_whole() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        far.send(frame(TEXT, b"half of it", masked=False)[:-4])
        assert await caller.reader.readexactly(8)
        far.line.writer.close()
        assert await cut(caller, within=5.0) == b""  # at once, not when some deadline passes

    session(act)


# ---- who may not go on


def test_a_session_in_which_nobody_says_anything_is_closed_to_both() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        async def answering(end: Any, pong: bytes) -> tuple[int, bytes]:
            while (got := await end.frame())[0] in (PING, PONG):
                if got[0] == PING:
                    end.send(pong)
            return got

        both = await asyncio.gather(answering(caller, frame(PONG)), answering(far, frame(PONG, masked=False)))
        assert both == [close(1000, b"idle")] * 2
        caller.send(closing(1000))
        far.send(frame(CLOSE, b"\x03\xe8", masked=False))
        await until_clean(gateway)
        assert row_of(gateway)["outcome"] == "ok"

    session(act, OPEN + "listen: {{websocket: {{ping: 30ms, idle_timeout: 100ms}}}}\n")


def test_a_key_that_is_revoked_ends_its_session() -> None:
    async def act(gateway: Running, far: "asyncio.Queue[Far]") -> None:
        caller = await dial(gateway.port, [gateway.bearer], path=PATH)
        end = await far.get()
        ring = gateway.gateway.keys.ring
        assert ring is not None
        ring.replace([])
        got = await caller.frame()
        while got[0] in (PING, PONG):
            got = await caller.frame()
        assert got == close(1008, b"the key was revoked")
        caller.leave()
        end.line.writer.close()

    sessions(act, CONFIG + "listen: {{websocket: {{ping: 50ms}}}}\n")


# ---- the gateway stops


def test_a_stopping_gateway_says_goodbye_to_both_at_the_end_of_its_drain() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        draining = asyncio.ensure_future(gateway.gateway.drain(0.2))
        await until(lambda: gateway.gateway.server.stopping)
        caller.send(text("still here"))
        assert await far.frame() == (TEXT, b"still here")
        assert await caller.closed() == 1001
        assert await far.frame() == close(1001)
        far.send(frame(CLOSE, b"\x03\xe9", masked=False))
        await draining
        row = row_of(gateway)
        assert (row["outcome"], row["error"]) == ("error", "gateway_stopping")

    session(act)


def test_a_goodbye_waits_for_the_end_of_a_frame_under_way() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        whole = frame(TEXT, b"0123456789", masked=False)
        far.send(whole[:5])
        assert await caller.reader.readexactly(5) == whole[:5]
        gateway.gateway.server.end_all(GatewayError("stopping"))
        assert await far.frame() == close(1001)
        far.send(whole[5:] + frame(TEXT, b"no more", masked=False))
        assert await caller.reader.readexactly(7) == whole[5:]
        assert await caller.closed() == 1001
        far.send(frame(CLOSE, b"\x03\xe9", masked=False))

    session(act)
