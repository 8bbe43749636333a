import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.core.errors import Fail
from penstock.core.reply import Source, collect
from penstock.net.client import Origin
from penstock.net.reach import Patience, Reach
from penstock.net.response import MAX_FIELDS, MAX_HEAD_BYTES, Response
from tests.net.caller import settled
from tests.net.upstream import HEAD, OK, Line, Script, Upstream, origin_of, scripted
from tests.support.loops import run

PATIENCE = Patience(connect=1.0, head=0.2, idle=0.2)
Scene = Callable[[Origin, Upstream], Awaitable[None]]


def play(scene: Scene, script: Script, **reach: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(10), scripted(script) as upstream:
            async with origin_of(Reach("127.0.0.1", upstream.port, **reach)) as origin:
                await scene(origin, upstream)

    run(main())


def answering(*parts: bytes, close: bool = False, gap: float = 0.0) -> Script:
    """Answers the first request of each connection by ``parts``, later ones by OK."""

    async def script(line: Line) -> None:
        await line.request()
        for part in parts:
            line.send(part)
            await asyncio.sleep(gap)
        if close:
            return
        while True:
            await line.request()
            line.send(OK)

    return script


async def whole(origin: Origin, body: bytes | Source = b"{}", head: bytes = HEAD) -> tuple[Response, bytes]:
    response = await origin.request(head, body, PATIENCE)
    if response.ended and not response.failed:
        return response, response.body
    return response, await collect(response, 1 << 24)


@pytest.mark.parametrize(
    ("parts", "close", "body"),
    [
        ([OK], False, b"ok"),
        ([OK[:10], OK[10:-1], OK[-1:]], False, b"ok"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" + OK], False, b"ok"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK], False, b"ok"),
        ([b"HTTP/1.1 200 OK\r\n\r\nuntil", b" the end"], True, b"until the end"),
        ([b"HTTP/1.0 200 OK\r\n\r\nold"], True, b"old"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"], False, b"ok"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\no", b"k\r\n0\r\nX-T: 1\r\n\r\n"], False, b"ok"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], False, b""),
        ([b"HTTP/1.1 304 Not Modified\r\n\r\n"], False, b""),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], False, b""),
    ],
)
def test_answers_in_every_framing(parts: list[bytes], close: bool, body: bytes) -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        response, got = await whole(origin)
        assert got == body
        assert not [name for name, _ in response.headers if name in (b"link", b"x-t")]
        again, got = await whole(origin)
        assert [name for name, _ in again.headers if name == b"x-t"] == []
        assert got == (body if close else b"ok")
        assert upstream.connections == (2 if close else 1)

    play(scene, answering(*parts, close=close, gap=0.01))


def test_redirects_are_not_followed() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        response, _ = await whole(origin)
        assert response.status == 302
        assert (b"location", b"http://127.0.0.1:1/") in response.headers
        assert len(upstream.requests) == 1

    play(scene, answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"))


@pytest.mark.parametrize(
    ("parts", "phase", "words"),
    [
        ([], "headers", "before answering"),
        ([b"HTTP/1.1 200 OK\r\nContent-"], "headers", "before answering"),
        ([b"nonsense\r\n\r\n"], "headers", "malformed"),
        ([b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n"], "headers", "malformed"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"], "headers", "malformed"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok"], "headers", "malformed"),
        ([b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"], "headers", "malformed"),
        ([b"HTTP/1.1 200 OK\r\nA: " + b"a" * MAX_HEAD_BYTES * 6], "headers", "head of over"),
        ([b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (MAX_FIELDS + 1) + b"\r\n"], "headers", "header fields"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], "body", "in the middle"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"], "body", "in the middle"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n", b"okzz\r\n"], "body", "malformed"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * 900_000], "body", "trailers"),
    ],
)
def test_what_is_wrong_is_told_with_its_phase(parts: list[bytes], phase: str, words: str) -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        with pytest.raises(Fail) as raised:
            await whole(origin)
        assert (raised.value.status, raised.value.phase, raised.value.upstream) == (502, phase, "up")
        assert words in raised.value.message
        await settled(lambda: origin.open == 0)
        assert len(upstream.requests) == 1

    play(scene, answering(*parts, close=True, gap=0.01))


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_a_reset(said: bytes) -> None:
    async def script(line: Line) -> None:
        await line.request()
        line.send(said)
        await asyncio.sleep(0.02)
        line.reset()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        with pytest.raises(Fail) as raised:
            await whole(origin)
        assert raised.value.status == 502
        assert raised.value.phase == ("body" if said else "headers")
        assert len(upstream.requests) == 1

    play(scene, script)


@pytest.mark.parametrize(
    ("said", "phase"),
    [
        (b"", "headers"),
        (b"HTTP/1.1 200 OK\r\n", "headers"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "body"),
    ],
)
def test_an_upstream_that_stalls(said: bytes, phase: str) -> None:
    async def script(line: Line) -> None:
        await line.request()
        line.send(said)
        await line.hang_up_seen()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        began = time.monotonic()
        with pytest.raises(Fail) as raised:
            await whole(origin)
        assert (raised.value.status, raised.value.phase) == (504, phase)
        assert 0.15 < time.monotonic() - began < 2.0
        await upstream.left.wait()

    play(scene, script)


def test_a_second_answer_goes_to_nobody() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        response, body = await whole(origin)
        assert body == b"ok"
        assert (await whole(origin))[1] == b"ok"
        assert upstream.connections == 2
        assert response.status == 200

    evil = b"HTTP/1.1 500 Evil\r\nX-Evil: 1\r\nContent-Length: 4\r\n\r\nevil"

    async def script(line: Line) -> None:
        await line.request()
        line.send(OK + evil if line.upstream.connections == 1 else OK)
        await line.hang_up_seen()

    play(scene, script)


def test_an_upstream_that_speaks_unasked_is_dropped() -> None:
    async def script(line: Line) -> None:
        await line.request()
        line.send(OK)
        await asyncio.sleep(0.02)
        line.send(OK)
        await line.hang_up_seen()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        await whole(origin)
        await settled(lambda: origin.open == 0)

    play(scene, script)
