"""Cancelling closes the request's connection, in every phase, and no other."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.core.errors import Fail
from penstock.core.fiber import Fiber
from penstock.net.client import Origin
from penstock.net.names import Names
from penstock.net.reach import Reach
from penstock.net.tls import client_context
from tests.net.asking import PATIENCE, ask, play, stall
from tests.net.caller import settled
from tests.net.upstream import HEAD, OK, Line, Upstream, origin_of
from tests.support.loops import run


def as_fiber(work: Coroutine[Any, Any, Any]) -> Callable[[], object]:
    async def run() -> None:
        with contextlib.suppress(Fail):
            await work

    fiber = Fiber(asyncio.get_running_loop(), run())
    fiber.step()
    return fiber.cancel


def as_task(work: Coroutine[Any, Any, Any]) -> Callable[[], object]:
    return asyncio.ensure_future(work).cancel


@pytest.mark.parametrize("start", [as_fiber, as_task])
@pytest.mark.parametrize("phase", ["head", "body"])
def test_cancelling_hangs_up_at_once(start: Callable[..., Callable[[], object]], phase: str) -> None:
    async def script(line: Line) -> None:
        await line.request()
        if phase == "body":
            line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        await line.hang_up_seen()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        cancel = start(ask(origin, PATIENCE))
        await settled(lambda: len(upstream.requests) == 1)
        await asyncio.sleep(0.02)
        cancel()
        async with asyncio.timeout(10):
            await upstream.left.wait()
        await settled(lambda: origin.open == 0)

    play(scene, script)


def test_cancelling_in_the_handshake_hangs_up() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        asking = asyncio.ensure_future(ask(origin))
        await settled(lambda: upstream.connections == 1)
        asking.cancel()
        async with asyncio.timeout(10):
            await upstream.left.wait()
        assert origin._dialling == 0

    play(scene, Line.hang_up_seen, tls=client_context())


def test_cancelling_while_the_name_is_looked_up() -> None:
    class Slow(Names):
        async def resolve(self, host: str) -> list[str]:
            await asyncio.sleep(5)
            return []

    async def main() -> None:
        async with origin_of(Reach("nowhere", 1), Slow(asyncio.get_running_loop().time)) as origin:
            asking = asyncio.ensure_future(ask(origin))
            await asyncio.sleep(0)
            assert origin._dialling == 1
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert origin._dialling == 0

    run(main())


def test_a_task_cancelled_after_the_answer_hurts_nobody_else() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        first = asyncio.ensure_future(origin.request(HEAD, b"{}", PATIENCE))
        await settled(lambda: origin.open == 1 and not origin._idle)
        (connection,) = origin._open
        connection.data_received(OK)  # the answer is here, the task not yet resumed
        second = asyncio.ensure_future(origin.request(HEAD, b"{}", PATIENCE))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert not connection.closed
        upstream.lines[0].send(OK)
        assert (await second).body == b"ok"

    play(scene, stall)
