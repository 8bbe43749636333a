"""Connections before there are calls."""

import asyncio
import socket

import pytest

from penstock.core.errors import UpstreamError
from penstock.net.client import Origin
from penstock.net.reach import Reach
from tests.net.asking import PATIENCE, answers_after, ask, play
from tests.net.caller import settled
from tests.net.upstream import Upstream, origin_of


def test_it_is_made_warm_without_a_word_and_the_first_call_finds_a_connection() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        assert await origin.warm(2, PATIENCE) == 2
        assert (origin.open, origin.busy, upstream.requests) == (2, 0, [])
        assert await origin.warm(2, PATIENCE) == 0
        assert await ask(origin) == (200, b"ok")
        assert (upstream.connections, origin.obtained) == (2, 0)
        # What ends too soon counts as gone.
        assert await origin.warm(1, PATIENCE, ahead=origin.reach.max_idle + 1.0) == 1
        origin.close()
        assert await origin.warm(9, PATIENCE) == 0

    play(scene)


def test_it_is_made_no_warmer_than_the_pool_is_large() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        assert await origin.warm(9, PATIENCE) == 3
        assert upstream.connections == 3

    play(scene, max_connections=3)


def test_an_upstream_that_is_not_there_is_named() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        async with origin_of(Reach("127.0.0.1", port)) as origin:
            with pytest.raises(UpstreamError, match="refused the connection"):
                await origin.warm(1, PATIENCE)
            assert origin.open == 0

    asyncio.run(main())


def test_it_is_over_when_it_was_closed_and_its_last_call_has_ended() -> None:
    come = asyncio.Event()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        call = asyncio.ensure_future(ask(origin))
        await settled(lambda: len(upstream.requests) == 1)
        assert not origin.is_over
        origin.close()
        assert not origin.is_over
        come.set()
        assert await call == (200, b"ok")
        await settled(lambda: origin.is_over)

    play(scene, answers_after(come))
