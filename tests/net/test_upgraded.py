"""Connections that have left HTTP: those of the client after a 101, on real sockets."""

import asyncio

import pytest

from penstock.core.errors import Fail
from penstock.net.client import Origin
from penstock.net.reach import Patience
from penstock.net.response import Switched
from penstock.net.upgraded import Upgraded
from tests.net.asking import PATIENCE, ask, play
from tests.net.caller import settled
from tests.net.upstream import OK, Line, Upstream

HEAD = b"GET /v1/x HTTP/1.1\r\nhost: up\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\nX-A: b\r\n\r\n"


class Noting:
    """A sink, told of the pace too; ``got`` is all that came."""

    def __init__(self) -> None:
        self.got = b""
        self.calls: list[str] = []

    def push(self, frame: bytes) -> None:
        self.got += frame

    def end(self, error: Fail | None) -> None:
        assert error is None
        self.calls.append("end")

    def hold(self) -> None:
        self.calls.append("hold")

    def release(self) -> None:
        self.calls.append("release")


async def opened(origin: Origin) -> Upgraded:
    response = await origin.request(HEAD, b"", PATIENCE, upgrade=True)
    assert isinstance(response, Switched)
    assert (response.status, response.headers[-1]) == (101, (b"x-a", b"b"))
    return response.upgraded


def switching(*said: bytes) -> object:
    async def script(line: Line) -> None:
        await line.request()
        line.send(SWITCH + b"".join(said))
        await line.upstream.left.wait()

    return script


def test_bytes_go_both_ways_and_none_is_lost_before_the_start() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        upgraded = await opened(origin)
        line = upstream.lines[0]
        line.send(b" late")
        sink = Noting()
        assert sink.got == b""
        upgraded.start(sink)
        await settled(lambda: sink.got == b"early late")
        upgraded.push(b"one")
        upgraded.push(b"")
        upgraded.push(b"two")
        assert await line.reader.readexactly(6) == b"onetwo"
        assert (origin.open, origin.busy) == (1, 1)
        assert repr(upgraded) == "<Upgraded open>"
        line.writer.close()
        await settled(lambda: sink.calls == ["end"])
        assert (origin.open, upgraded.closed) == (0, True)
        upgraded.push(b"nobody hears")
        upgraded.close()
        upgraded.cancel("again")
        assert repr(upgraded) == "<Upgraded closed>"
        assert sink.calls == ["end"]
        upstream.left.set()

    play(scene, switching(b"early"))  # type: ignore[arg-type]


def test_a_pause_holds_what_comes_what_came_early_too() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        upgraded = await opened(origin)
        sink = Noting()
        upgraded.pause()
        upgraded.start(sink)
        upstream.lines[0].send(b"more")
        await asyncio.sleep(0.02)
        assert sink.got == b""
        assert repr(upgraded) == "<Upgraded held>"
        upgraded.resume()
        await settled(lambda: sink.got == b"earlymore")
        upgraded.cancel("enough")
        upstream.left.set()

    play(scene, switching(b"early"))  # type: ignore[arg-type]


def test_much_is_taken_a_read_at_a_time() -> None:
    """The loop would else do many reads in a row, each of thousands of frames, while everybody waits."""
    turn, turns = 0, []

    class Counting(Noting):
        def push(self, frame: bytes) -> None:
            super().push(frame)
            turns.append(turn)

    async def scene(origin: Origin, upstream: Upstream) -> None:
        nonlocal turn
        upgraded = await opened(origin)
        sink = Counting()
        upgraded.start(sink)
        upstream.lines[0].send(b"x" * 8_000_000)
        while len(sink.got) < 8_000_000:
            await asyncio.sleep(0)
            turn += 1
        assert len(turns) > 20
        assert len(set(turns)) == len(turns)
        upgraded.cancel("enough")
        upstream.left.set()

    play(scene, switching())  # type: ignore[arg-type]


def test_a_peer_that_does_not_read_is_told_of() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        upgraded = await opened(origin)
        sink = Noting()
        upgraded.paced = sink
        upgraded.start(sink)
        sent = 0
        while upgraded.writable:
            upgraded.push(b"x" * 60_000)
            sent += 60_000
            await asyncio.sleep(0)
        assert sink.calls == ["hold"]
        await upstream.lines[0].reader.readexactly(sent)
        assert sink.calls == ["hold", "release"]
        assert upgraded.writable
        upgraded.cancel("enough")
        upstream.left.set()

    play(scene, switching())  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["close", "cancel"])
def test_our_end(how: str) -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        upgraded = await opened(origin)
        sink = Noting()
        upgraded.start(sink)
        upgraded.push(b"bye")
        if how == "close":
            upgraded.close()
            assert await upstream.lines[0].reader.read() == b"bye"
            await settled(lambda: sink.calls == ["end"])
        else:
            upgraded.cancel("enough")
            async with asyncio.timeout(10):
                await upstream.lines[0].hang_up_seen()
            assert sink.calls == []
        await settled(lambda: origin.open == 0)
        upstream.left.set()

    play(scene, switching())  # type: ignore[arg-type]


def test_an_answer_that_nobody_takes_is_closed_by_its_cancel() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        response = await origin.request(HEAD, b"", PATIENCE, upgrade=True)
        response.cancel("no")
        await upstream.lines[0].hang_up_seen()
        await settled(lambda: origin.open == 0)

    play(scene, switching())  # type: ignore[arg-type]


def test_it_takes_a_place_among_the_connections_as_long_as_it_lives() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        upgraded = await opened(origin)
        asking = asyncio.ensure_future(ask(origin))
        await settled(lambda: len(origin._waiters) == 1)
        upgraded.cancel("room")
        await settled(lambda: upstream.connections == 2)
        asking.cancel()
        upstream.left.set()

    play(scene, switching(), max_connections=1)  # type: ignore[arg-type]


# ---- what is no switch


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 101 X\r\n\r\n", "malformed"),
        (b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n", "malformed"),
        (b"HTTP/1.1 101 X\r\nConnection: upgrade\r\n\r\n", "malformed"),
        (b"HTTP/1.1 101 X\r\nA: " + b"a" * 900_000, "over 65536 bytes"),
    ],
)
def test_a_101_that_says_too_little_or_too_much_is_refused(said: bytes, words: str) -> None:
    async def script(line: Line) -> None:
        await line.request()
        line.send(said)
        await line.hang_up_seen()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        with pytest.raises(Fail, match=words) as raised:
            await origin.request(HEAD, b"", PATIENCE, upgrade=True)
        assert (raised.value.phase, raised.value.status) == ("headers", 502)
        await settled(lambda: origin.open == 0)

    play(scene, script)


def test_interim_answers_before_a_switch_are_passed_over() -> None:
    async def scene(origin: Origin, upstream: Upstream) -> None:
        upgraded = await opened(origin)
        upgraded.cancel("enough")
        upstream.left.set()

    async def script(line: Line) -> None:
        await line.request()
        line.send(b"HTTP/1.1 103 Early Hints\r\nUpgrade: y\r\n\r\n" + SWITCH)
        await line.upstream.left.wait()

    play(scene, script)


def test_a_connection_whose_switch_was_refused_carries_nothing_else() -> None:
    async def script(line: Line) -> None:
        await line.request()
        line.send(OK if line.upstream.connections == 2 else OK.replace(b"200 OK", b"426 No\r\nUpgrade: y"))
        await line.hang_up_seen()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        response = await origin.request(HEAD, b"", PATIENCE, upgrade=True)
        assert (response.status, response.body) == (426, b"ok")
        assert await ask(origin) == (200, b"ok")
        assert upstream.connections == 2

    play(scene, script)


def test_a_switch_on_a_connection_that_served_before() -> None:
    async def script(line: Line) -> None:
        await line.request()
        line.send(OK)
        await line.request()
        line.send(SWITCH)
        await line.upstream.left.wait()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        assert await ask(origin) == (200, b"ok")
        upgraded = await opened(origin)
        assert upstream.connections == 1
        upgraded.cancel("enough")
        upstream.left.set()

    play(scene, script)


def test_silence_and_a_caller_that_leaves() -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.hang_up_seen()

    async def scene(origin: Origin, upstream: Upstream) -> None:
        with pytest.raises(Fail) as raised:
            await origin.request(HEAD, b"", Patience(1.0, 0.05, 1.0), upgrade=True)
        assert (raised.value.status, raised.value.phase) == (504, "headers")
        asking = asyncio.ensure_future(origin.request(HEAD, b"", PATIENCE, upgrade=True))
        await settled(lambda: len(upstream.requests) == 2)
        upstream.left.clear()
        asking.cancel()
        async with asyncio.timeout(10):
            await upstream.left.wait()

    play(scene, script)
