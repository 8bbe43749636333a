"""Bodies streamed up and down: who cannot keep up holds the other."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.core.errors import CallerError, Fail
from penstock.core.reply import Source, Whole, collect
from penstock.net.client import Origin
from penstock.net.reach import Patience, Reach
from penstock.net.response import Response
from tests.net.caller import settled
from tests.net.upstream import CHUNKED_HEAD, HEAD, OK, Line, Script, Upstream, origin_of, scripted
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


# ---- bodies that are streamed up


class Endless:
    """A source that pushes while it is not paused. ``pauses`` counts."""

    def __init__(self) -> None:
        self.cancelled = False
        self.pauses = 0
        self.sent = 0
        self._paused = False

    def start(self, sink: Any) -> None:
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._run()

    def _run(self) -> None:
        if not self._paused and not self.cancelled:
            self.sent += 65536
            self._sink.push(b"a" * 65536)
            self._loop.call_soon(self._run)

    def pause(self) -> None:
        self.pauses += 1
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._run()

    def cancel(self, reason: str) -> None:
        self.cancelled = True


def test_a_streamed_body_arrives() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        _, body = await whole(origin, Whole(b"one", b"two"), CHUNKED_HEAD)
        assert body == b"ok"
        assert upstream.requests[0].endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        await whole(origin)
        assert upstream.connections == 1

    play(scene, answering(OK))


def test_an_upload_waits_for_an_upstream_that_does_not_read() -> None:
    async def script(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(5)

    async def scene(origin: Origin, upstream: Upstream) -> None:
        source = Endless()
        with pytest.raises(Fail) as raised:
            await whole(origin, source, CHUNKED_HEAD)
        assert raised.value.status == 504
        assert source.pauses == 1
        assert source.sent < 20_000_000
        assert source.cancelled

    play(scene, script)


def test_an_answer_before_the_body_is_sent() -> None:
    async def script(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        line.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await line.hang_up_seen()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        source = Endless()
        response, body = await whole(origin, source, CHUNKED_HEAD)
        assert (response.status, body) == (413, b"big")
        assert source.cancelled
        await settled(lambda: origin.open == 0)

    play(scene, script)


def test_a_body_that_breaks_off_is_the_callers_fault() -> None:
    class Broken(Endless):
        def start(self, sink: Any) -> None:
            sink.push(b"half")
            sink.end(CallerError("gone", code="body_timeout", status=408))

    async def scene(origin: Origin, upstream: Upstream) -> None:
        with pytest.raises(CallerError) as raised:
            await whole(origin, Broken(), CHUNKED_HEAD)
        assert raised.value.status == 408
        await settled(lambda: origin.open == 0)
        assert not upstream.requests

    play(scene, answering(OK))


# ---- backpressure


def test_a_reader_that_pauses_holds_the_upstream() -> None:
    async def script(line: Line) -> None:
        await line.request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n")
        line.send(b"a" * 20_000_000)
        await line.hang_up_seen()

    class Stopping:
        def __init__(self, source: Any) -> None:
            self.source = source
            self.got = 0
            self.ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def push(self, frame: bytes) -> None:
            if not self.got:
                self.source.pause()
            self.got += len(frame)

        def end(self, error: Any) -> None:
            self.ended.set_result(error)

    async def scene(origin: Origin, upstream: Upstream) -> None:
        response = await origin.request(HEAD, b"{}", PATIENCE)
        sink = Stopping(response)
        response.start(sink)
        await settled(lambda: sink.got > 0)
        await asyncio.sleep(0.4)  # longer than the idle timeout: who is paused does not stall
        assert sink.got < 1_000_000
        assert upstream.lines[0].writer.transport.get_write_buffer_size() > 5_000_000
        response.resume()
        assert await sink.ended is None
        assert sink.got == 20_000_000

    play(scene, script)
