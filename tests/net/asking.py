"""The client under test: asked, and its failures looked at."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.core.errors import Fail
from penstock.core.reply import collect
from penstock.net.client import Origin
from penstock.net.names import Names
from penstock.net.reach import Patience, Reach
from tests.net.upstream import HEAD, OK, Line, Script, Upstream, echo_ok, origin_of, scripted
from tests.support.loops import run

PATIENCE = Patience(connect=20.0, head=20.0, idle=20.0)
Scene = Callable[[Origin, Upstream], Awaitable[None]]


def play(scene: Scene, script: Script = echo_ok, **reach: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), scripted(script) as upstream:
            async with origin_of(Reach("127.0.0.1", upstream.port, **reach)) as origin:
                await scene(origin, upstream)

    run(main())


async def ask(origin: Origin, patience: Patience = PATIENCE) -> tuple[int, bytes]:
    response = await origin.request(HEAD, b"{}", patience)
    if response.ended and not response.failed:
        return response.status, response.body
    return response.status, await collect(response, 1 << 20)


async def fails(work: Awaitable[Any], phase: str, status: int = 502) -> Fail:
    with pytest.raises(Fail) as raised:
        await work
    assert (raised.value.phase, raised.value.status) == (phase, status), raised.value
    assert "'up'" in raised.value.message
    assert raised.value.upstream == "up"
    return raised.value


class Two(Names):
    """A name with two addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)

    async def resolve(self, host: str) -> list[str]:
        return self._addresses

    def forget(self, host: str) -> None:
        pass


async def stall(line: Line) -> None:
    await line.request()
    await line.hang_up_seen()


def answers_after(come: asyncio.Event) -> Script:
    """An upstream that answers its one request when that has come."""

    async def script(line: Line) -> None:
        await line.request()
        await come.wait()
        line.send(OK)

    return script
