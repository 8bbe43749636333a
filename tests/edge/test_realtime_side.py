"""What the peers of a realtime session may not do: break a rule, read too slowly, be silent. With a whole gateway."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from penstock.edge.realtime import Relay
from penstock.net.upgraded import Upgraded
from tests.support.gateway import Running
from tests.support.realtime import (
    CLOSE,
    CONTINUED,
    OPEN,
    PING,
    PONG,
    TEXT,
    Far,
    close,
    row_of,
    session,
    until_clean,
)
from tests.support.socket_caller import SocketCaller, closing, frame, text

QUICK = OPEN + "listen: {{websocket: {{ping: 50ms, idle_timeout: 5s}}}}\n"

# ---- broken rules


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"x", masked=False), 1002),
        (frame(TEXT, b"x", reserved=4), 1002),
        (frame(3, b"x"), 1002),
        (frame(CONTINUED, b"x"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(TEXT, b"x" * 2000), 1009),
        (frame(TEXT, b"x" * 600, fin=False) + frame(CONTINUED, b"x" * 600), 1009),
        (b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"\0\0\0\0", 1009),
    ],
)
def test_a_caller_that_breaks_a_rule_is_told_and_the_upstream_is_left(sent: bytes, code: int) -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        caller.send(text("good") + sent)
        assert await far.frame() == (TEXT, b"good")
        assert await caller.closed() == code
        got = await far.frame()
        while got[0] == TEXT:  # the first part of a message that grew too large
            got = await far.frame()
        assert got == close(1001)
        far.line.writer.close()
        await until_clean(gateway)
        row = row_of(gateway)
        assert (row["outcome"], row["error"]) == ("error", "bad_frame")

    session(act, OPEN + "listen: {{websocket: {{max_message: 1KiB}}}}\n")


def test_an_upstream_that_breaks_a_rule_is_told_and_so_is_the_caller() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        far.send(frame(TEXT, b"masked"))
        opcode, payload = await caller.frame()
        assert (opcode, payload[:2]) == (CLOSE, b"\x03\xf3")
        assert await far.frame() == close(1002, b"a frame is masked")
        far.send(frame(TEXT, b"still masked"))
        await far.gone()
        caller.send(closing(1011))
        await until_clean(gateway)
        row = row_of(gateway)
        assert (row["outcome"], row["error"]) == ("error", "upstream_failed")

    session(act)


# ---- who does not read


BLOCK = b"x" * 60_000


async def fill(gateway: Running, say: Callable[[bytes], None]) -> int:
    """``say`` until what waits for the other side is counted, then more than any kernel would hold. How many bytes."""
    account = gateway.gateway.ledger.accounts["buffers"]
    sent = 0
    while not account.held:
        say(BLOCK)
        sent += len(BLOCK)
        await asyncio.sleep(0)
        assert sent < 64_000_000
    for _ in range(200):
        say(BLOCK)
    return sent + 200 * len(BLOCK)


def legs(gateway: Running) -> tuple[Upgraded, Upgraded]:
    """The gateway's own ends: to the caller, to the upstream."""
    (relay,) = gateway.gateway.server._connections
    assert isinstance(relay, Relay)
    return relay._caller.leg, relay._upstream.leg


@pytest.mark.parametrize("slow", ["caller", "upstream"])
def test_who_does_not_read_stops_the_other_and_costs_a_bounded_buffer(slow: str) -> None:
    whole = frame(TEXT, BLOCK)

    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        account = gateway.gateway.ledger.accounts["buffers"]
        mine, theirs = legs(gateway)
        if slow == "upstream":
            mine, theirs = theirs, mine
            sent = await fill(gateway, lambda _: caller.send(whole))
            speaks, reads = caller.writer, far.frame
        else:
            sent = await fill(gateway, far.say)
            speaks, reads = far.line.writer, caller.frame
        assert theirs.paused
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert account.held == mine.unsent() < 64 * 1024 + 256 * 1024 + len(BLOCK)
        assert speaks.transport.get_write_buffer_size() > 1_000_000
        while sent:
            _, payload = await reads()
            sent -= len(payload)
        assert account.held == 0
        assert not theirs.paused

    session(act)


def test_where_there_is_no_room_for_what_waits_the_session_ends() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        account = gateway.gateway.ledger.accounts["buffers"]
        account.reserve(account.bound)
        while not account.refused:
            far.say(BLOCK)
            await asyncio.sleep(0)
        account.release(account.bound)
        got = await caller.frame()
        while got[0] == TEXT:
            got = await caller.frame()
        assert got == close(1013, b"the gateway holds as many bytes for slow readers as it may")
        assert row_of(gateway)["error"] == "gateway_overloaded"
        far.line.reset()

    session(act)


def test_who_takes_nothing_for_too_long_is_dropped() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        await fill(gateway, far.say)
        await until_clean(gateway)
        assert row_of(gateway)["outcome"] == "left"

    session(act, OPEN + "listen: {{write_timeout: 100ms, websocket: {{ping: 50ms}}}}\n")


# ---- silence


def test_both_are_pinged_and_who_answers_is_kept() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        for _ in range(4):
            assert await caller.frame() == (PING, b"")
            assert await far.frame() == (PING, b"")
            caller.send(frame(PONG))
            far.send(frame(PONG, masked=False))
            assert await caller.frame() == (PONG, b"")  # of the other: it was not asked for, and is allowed
            assert await far.frame() == (PONG, b"")

    session(act, QUICK)


def test_a_caller_that_answers_no_ping_has_left() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        async def answer() -> None:
            while await far.frame() == (PING, b""):
                far.send(frame(PONG, masked=False))

        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await answer()
        await until_clean(gateway)
        assert row_of(gateway)["outcome"] == "left"

    session(act, QUICK)


def test_an_upstream_that_answers_no_ping_is_told_to_the_caller() -> None:
    async def act(caller: SocketCaller, far: Far, gateway: Running) -> None:
        got = await caller.frame()
        while got == (PING, b""):
            caller.send(frame(PONG))
            got = await caller.frame()
        assert got == close(1011, b"upstream 'up' neither answered a ping nor took what was sent")
        caller.send(closing(1011))
        await until_clean(gateway)
        assert row_of(gateway)["error"] == "upstream_failed"

    session(act, QUICK)
