"""What a hostile or broken upstream, or an unlucky moment, must not do to the calls of others."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.fiber import Fiber
from penstock.core.reply import collect
from penstock.net.client import Origin
from penstock.net.reach import Patience, Reach
from tests.net.upstream import HEAD, OK, Line, Script, Upstream, origin_of, scripted
from tests.support.loops import run

PATIENCE = Patience(connect=1.0, head=0.3, idle=0.3)
Scene = Callable[[Origin, Upstream], Awaitable[None]]


def play(scene: Scene, script: Script, **reach: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(10), scripted(script) as upstream:
            async with origin_of(Reach("127.0.0.1", upstream.port, **reach)) as origin:
                await scene(origin, upstream)

    run(main())


def answering(*parts: bytes) -> Script:
    async def script(line: Line) -> None:
        await line.request()
        for part in parts:
            line.send(part)
            await asyncio.sleep(0.01)
        await line.hang_up_seen()

    return script


async def whole(origin: Origin) -> bytes:
    return await collect(await origin.request(HEAD, b"{}", PATIENCE), 1 << 20)


async def refused(origin: Origin) -> UpstreamError:
    with pytest.raises(UpstreamError) as told:
        await whole(origin)
    return told.value


@pytest.mark.parametrize("status", [b"000", b"099", b"101", b"150", b"199"])
def test_an_interim_answer_that_nobody_knows_is_refused(status: bytes) -> None:
    """llhttp reads a body behind such a status: its bytes would come out as the beginning of the true answer's body,
    which is then longer than its Content-Length says: an answer of the upstream's choice on the caller's line."""
    planted = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
    interim = b"HTTP/1.1 %b X\r\ncontent-length: %d\r\n\r\n" % (status, len(planted))

    async def scene(origin: Origin, upstream: Upstream) -> None:
        fail = await refused(origin)
        assert fail.phase == "headers"
        assert "malformed" in fail.message

    play(scene, answering(interim + planted + OK))


def test_interim_answers_without_end_count_as_one_head() -> None:
    flood = b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n" * 100

    async def scene(origin: Origin, upstream: Upstream) -> None:
        fail = await refused(origin)
        assert "sent a head of over" in fail.message

    play(scene, answering(*[flood] * 24))


@pytest.mark.parametrize(
    "fields", [b"x: " + b"a" * 70_000, b"\r\n".join(b"x-%d: " % n + b"a" * 600 for n in range(120))]
)
def test_a_head_in_one_read_is_measured_too(fields: bytes) -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        assert "a head of over" in (await refused(origin)).message

    play(scene, answering(OK.replace(b"\r\n\r\n", b"\r\n" + fields + b"\r\n\r\n")))


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"chunked\r\ntransfer-encoding: chunked", b"gzip", b"identity"])
def test_a_transfer_coding_that_was_not_asked_for_is_refused(coding: bytes) -> None:
    """Its bytes would go to the caller without the field that says what they are."""

    async def scene(origin: Origin, upstream: Upstream) -> None:
        fail = await refused(origin)
        assert (fail.phase, fail.status) == ("headers", 502)

    play(scene, answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: " + coding + b"\r\n\r\n2\r\nok\r\n0\r\n\r\n"))


def test_a_caller_that_left_in_the_turn_of_the_answer_takes_nobodys_connection() -> None:
    """The answer to a call that was just cancelled frees its connection, which the next call takes; only then does the
    cancelled one hear of it. It must not close what is another's by now."""

    async def scene(origin: Origin, upstream: Upstream) -> None:
        loop = asyncio.get_running_loop()
        got: list[object] = []

        async def call() -> None:
            try:
                got.append((await origin.request(HEAD, b"{}", PATIENCE)).body)
            except BaseException as error:
                got.append(error)
                raise

        await origin.request(HEAD, b"{}", PATIENCE)
        first = Fiber(loop, call())
        first.step()
        connection = next(iter(origin._open))
        first.cancel()
        connection.data_received(OK)  # in the same turn of the loop
        second = Fiber(loop, call())
        second.step()
        async with asyncio.timeout(20):
            while len(got) < 2:  # noqa: ASYNC110 - what is awaited has no event of its own
                await asyncio.sleep(0.001)
        assert {type(one) for one in got} == {bytes, asyncio.CancelledError}

    async def script(line: Line) -> None:
        while True:
            await line.request()
            if len(line.upstream.requests) != 2:
                line.send(OK)

    play(scene, script)


def test_a_waiter_that_leaves_passes_its_turn_on() -> None:
    """Two wait for the only connection. It closes, the first is told, and leaves in the same turn of the loop."""

    async def scene(origin: Origin, upstream: Upstream) -> None:
        loop = asyncio.get_running_loop()
        busy = await origin.request(HEAD, b"{}", PATIENCE)
        first = loop.create_task(origin.request(HEAD, b"{}", PATIENCE))
        second = loop.create_task(origin.request(HEAD, b"{}", Patience(60.0, 60.0, 60.0)))
        await asyncio.sleep(0.01)
        busy.cancel("enough")
        for connection in list(origin._open):
            origin.forget(connection)  # as the loop will tell it; the first in the queue is woken
        first.cancel()
        async with asyncio.timeout(10):  # far sooner than its patience ends
            assert (await second).body == b"ok"
        assert first.cancelled()

    async def script(line: Line) -> None:
        await line.request()
        if len(line.upstream.lines) == 1:
            line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nxx")
            await line.hang_up_seen()
        else:
            line.send(OK)
            await line.hang_up_seen()

    play(scene, script, max_connections=1)
