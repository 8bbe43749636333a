import asyncio
from collections.abc import Awaitable, Callable

import pytest

from penstock.core.errors import CallerError, Fail
from penstock.net.request_body import EARLY_BYTES, Body


class Reading:
    """A connection that notes what its body asks of it."""

    def __init__(self) -> None:
        self.reads = True
        self.wanted = 0

    def hold_reading(self) -> None:
        self.reads = False

    def want_body(self) -> None:
        self.reads = True
        self.wanted += 1


class Noting:
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ends: list[Fail | None] = []

    def push(self, frame: bytes) -> None:
        self.frames.append(frame)

    def end(self, error: Fail | None) -> None:
        self.ends.append(error)


def body(length: int | None = None) -> tuple[Body, Reading]:
    reading = Reading()
    return Body(reading, length), reading


def running(scene: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(5):
            await scene()

    asyncio.run(main())


def test_a_body_that_is_here_is_had_at_once() -> None:
    async def scene() -> None:
        arrived, reading = body(4)
        assert arrived.complete is None
        arrived.feed(b"ab")
        assert arrived.early == b"ab"
        arrived.feed(b"cd")
        arrived.finish()
        assert arrived.complete == b"abcd"
        assert await arrived.read(4) == b"abcd"
        assert reading.wanted == 0

    running(scene)


def test_reading_waits_for_the_rest() -> None:
    async def scene() -> None:
        arriving, reading = body()
        arriving.feed(b"ab")
        assert not arriving.waiting
        task = asyncio.ensure_future(arriving.read(10))
        await asyncio.sleep(0)
        assert reading.wanted == 1
        assert arriving.waiting
        arriving.feed(b"cd")
        arriving.finish()
        assert await task == b"abcd"
        assert not arriving.waiting

    running(scene)


@pytest.mark.parametrize("announced", [True, False])
def test_too_large(announced: bool) -> None:
    async def scene() -> None:
        large, reading = body(11 if announced else None)
        task = asyncio.ensure_future(large.read(10))
        await asyncio.sleep(0)
        assert reading.wanted == (0 if announced else 1)
        large.feed(b"a" * 10)
        large.feed(b"a")
        with pytest.raises(CallerError) as raised:
            await task
        assert raised.value.status == 413
        assert "10 bytes" in raised.value.message

    running(scene)


def test_no_room() -> None:
    async def scene() -> None:
        taken: list[int] = []

        def take(size: int) -> bool:
            taken.append(size)
            return sum(taken) <= 6

        arriving, _ = body()
        arriving.feed(b"abc")
        task = asyncio.ensure_future(arriving.read(100, take))
        await asyncio.sleep(0)
        arriving.feed(b"def")
        arriving.feed(b"g")
        arriving.feed(b"h")
        with pytest.raises(Fail) as raised:
            await task
        assert raised.value.status == 503
        assert taken == [3, 3, 1]

    running(scene)


def test_cut_short_while_read_and_before() -> None:
    async def scene() -> None:
        cut, _ = body()
        task = asyncio.ensure_future(cut.read(100))
        await asyncio.sleep(0)
        cut.fail(CallerError("stalled", status=408))
        with pytest.raises(CallerError, match="stalled"):
            await task
        with pytest.raises(CallerError, match="stalled"):
            await cut.read(100)
        assert cut.complete is None

    running(scene)


def test_unasked_for_it_stops_at_a_bound() -> None:
    waiting, reading = body()
    waiting.feed(b"a" * EARLY_BYTES)
    assert reading.reads
    waiting.feed(b"a")
    assert not reading.reads


def test_streamed_on() -> None:
    streamed, reading = body()
    sink = Noting()
    streamed.feed(b"one")
    streamed.start(sink)
    streamed.start(Noting())
    assert sink.frames == [b"one"]
    assert reading.wanted == 1
    streamed.feed(b"two")
    streamed.pause()
    assert not reading.reads
    assert not streamed.waiting
    streamed.feed(b"three")
    streamed.finish()
    assert sink.frames == [b"one", b"two"]
    assert sink.ends == []
    streamed.resume()
    assert sink.frames == [b"one", b"two", b"three"]
    assert sink.ends == [None]


def test_streamed_and_failed() -> None:
    failed, _ = body()
    sink = Noting()
    failed.start(sink)
    error = CallerError("gone")
    failed.fail(error)
    failed.fail(CallerError("again"))
    failed.feed(b"late")
    assert sink.ends == [error]


def test_cancelled_it_is_silent() -> None:
    cancelled, _ = body()
    sink = Noting()
    cancelled.start(sink)
    cancelled.cancel("enough")
    cancelled.feed(b"x")
    cancelled.finish()
    assert (sink.frames, sink.ends) == ([], [])
    assert "ended" in repr(cancelled)


def test_a_body_that_comes_in_pieces_is_one_piece_and_nothing_is_left_of_one_that_is_not_wanted() -> None:
    async def main() -> None:
        body = Body(Reading(), 9)
        body.feed(b"abc")
        reading = asyncio.get_running_loop().create_task(body.read(100))
        await asyncio.sleep(0)
        body.feed(b"def")
        assert body.complete is None
        body.feed(b"ghi")
        body.finish()
        assert await reading == b"abcdefghi"
        assert body.complete == b"abcdefghi"
        other = Body(Reading(), 9)
        other.feed(b"abc")
        other.cancel("answered before")
        other.feed(b"def")
        assert other.early == b""

    asyncio.run(main())
