import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.store.redis import service
from penstock.store.redis.service import Address, Line, TooOld, refuse_old
from tests.support.redis_server import RedisServer, redis_running
from tests.support.stores import until


def line(url: str, seconds: float = 2.0) -> Line:
    return Line(Address(url), time.monotonic, seconds)


@pytest.mark.redis
def test_commands_go_together_and_a_refused_one_breaks_none(server: RedisServer) -> None:
    async def main() -> None:
        to = line(server.url)
        replies = await to.run([("SET", "x", "1"), ("LPUSH", "x", "2"), ("GET", "x")])
        assert replies[0] == b"OK"
        assert "WRONGTYPE" in str(replies[1])
        assert replies[2] == b"1"
        assert not to.rests
        await to.aclose()
        assert await to.run([("GET", "x")]) == [b"1"]
        await to.aclose()

    asyncio.run(main())


def test_a_server_that_is_not_there_is_tried_again_after_a_pause(redis_server: str, tmp_path: Path) -> None:
    async def main() -> None:
        server = RedisServer(redis_server, tmp_path)
        to = line(server.url)
        with pytest.raises(OSError, match=rf"redis at 127\.0\.0\.1:{server.port}"):
            await to.run([("PING",)])
        assert 0 < to.rests <= service.FIRST_PAUSE_SECONDS
        with pytest.raises(OSError, match="redis at"):
            await to.run([("PING",)])  # at once, while it rests
        server.start()
        try:
            await until(lambda: not to.rests)
            assert await to.run([("PING",)]) == [b"PONG"]
            assert to.trouble == ""
        finally:
            await to.aclose()
            server.kill()

    asyncio.run(main())


@pytest.mark.redis
def test_a_server_that_says_nothing_holds_nobody(redis_server: str, tmp_path: Path) -> None:
    async def main() -> None:
        with redis_running(redis_server, tmp_path) as server:
            to = line(server.url, 0.2)
            await to.run([("PING",)])
            server.signal(signal.SIGSTOP)
            began = time.monotonic()
            with pytest.raises(OSError, match="redis at"):
                await to.run([("PING",)])
            assert time.monotonic() - began < 2.0
            await until(lambda: not to.rests)
            with pytest.raises(OSError, match="redis at"):
                await to.run([("PING",)])  # connected by the kernel, greeted by nobody
            server.signal(signal.SIGCONT)
            await until(lambda: not to.rests)
            assert await to.run([("PING",)]) == [b"PONG"]
            await to.aclose()

    asyncio.run(main())


@pytest.mark.redis
def test_who_is_cancelled_leaves_no_reply_to_the_next(server: RedisServer) -> None:
    async def main() -> None:
        to = line(server.url)
        await to.run([("SET", "x", "mine")])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await to.run([("BLPOP", "never", 5)])
        assert await to.run([("GET", "x")]) == [b"mine"]
        await to.aclose()

    asyncio.run(main())


class Swallowing(Line):
    """Its library takes a cancellation for nothing."""

    async def _connect(self) -> None:
        self._client = object()

    async def _sent(self, client: Any, commands: Sequence[Any]) -> list[Any]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10)
        return [b"OK"]

    async def aclose(self) -> None:
        self._client = None


def test_a_cancellation_is_never_lost() -> None:
    async def main() -> None:
        to = Swallowing(Address("redis://127.0.0.1:1/0"), time.monotonic, 2.0)
        task = asyncio.create_task(to.run([("PING",)]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.redis
def test_an_emptied_server_is_another_incarnation(server: RedisServer) -> None:
    async def main() -> None:
        address = Address(server.url)
        one, other = (Line(address, time.monotonic, 2.0) for _ in range(2))
        assert address.incarnation == ""
        await one.ask_incarnation()
        first = address.incarnation
        await other.ask_incarnation()
        assert address.incarnation == first != ""
        assert address.emptied == 0
        server.ask("FLUSHALL")
        await one.ask_incarnation()
        second = address.incarnation
        assert second != first
        await other.ask_incarnation()
        assert (address.incarnation, address.emptied) == (second, 1)
        for each in (one, other):
            await each.aclose()

    asyncio.run(main())


@pytest.mark.redis
def test_passwords_are_shown_to_the_server_and_to_nobody_else(redis_server: str, tmp_path: Path) -> None:
    async def main() -> None:
        with redis_running(redis_server, tmp_path, "--requirepass", "s3cret/word") as server:
            good = line(f"redis://:s3cret%2Fword@127.0.0.1:{server.port}/2")
            assert await good.run([("PING",)]) == [b"PONG"]
            await good.aclose()
            for url in (server.url, f"redis://:wr0ng@127.0.0.1:{server.port}/0"):
                bad = line(url)
                with pytest.raises(OSError, match="redis at") as caught:
                    await bad.run([("PING",)])
                assert "wr0ng" not in str(caught.value) + repr(bad)

    asyncio.run(main())


def test_an_old_server_is_refused_by_name() -> None:
    with pytest.raises(TooOld, match=r"the server is Redis 6\.2\.14; Penstock needs Redis or Valkey 7 or newer"):
        refuse_old("redis_version:6.2.14\r\n")
    refuse_old("redis_version:7.0.0\r\n")
    refuse_old("redis_version:10.1\r\n")
    refuse_old("")


@pytest.mark.redis
def test_an_incarnation_that_is_no_text_is_one_all_the_same(server: RedisServer) -> None:
    async def main() -> None:
        server.ask("SET", "penstock:incarnation", b"\xff\xfe")
        address = Address(server.url)
        line = Line(address, time.monotonic, 2.0)
        await line.ask_incarnation()
        first = address.incarnation
        assert first
        await line.ask_incarnation()
        assert (address.incarnation, line.trouble) == (first, "")
        await line.aclose()

    asyncio.run(main())
