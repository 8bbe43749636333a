import tracemalloc

from penstock.core.errors import Fail, UpstreamError
from penstock.net.response import HELD_BYTES, Response, ResponseHead


class Reading:
    def __init__(self) -> None:
        self.reads = True
        self.aborted = 0

    def hold_reading(self) -> None:
        self.reads = False

    def read_on(self) -> None:
        self.reads = True

    def abort(self) -> None:
        self.aborted += 1


class Noting:
    """Notes what comes; ``during`` is done at the first frame."""

    def __init__(self) -> None:
        self.got: list[bytes | Fail | None] = []
        self.during = lambda: None

    def push(self, frame: bytes) -> None:
        self.got.append(frame)
        self.during()

    def end(self, error: Fail | None) -> None:
        self.got.append(error)


def response(length: int | None = None) -> tuple[Response, Reading, Noting]:
    reading = Reading()
    return Response(reading, ResponseHead(200, [(b"a", b"b")]), length), reading, Noting()


def test_whole_before_anybody_started_it() -> None:
    whole, _, sink = response(4)
    whole.deliver([b"ab", b"c"])
    whole.deliver([b"d"])
    whole.finish(None)
    assert (whole.status, whole.headers, whole.body) == (200, [(b"a", b"b")], b"abcd")
    assert whole.ended
    assert not whole.failed
    whole.start(sink)
    assert sink.got == [b"abcd", None]


def test_live() -> None:
    live, _, sink = response()
    live.deliver([b"one"])
    live.start(sink)
    live.start(Noting())
    live.deliver([b"two", b"three"])
    live.finish(None)
    live.finish(None)
    assert sink.got == [b"one", b"twothree", None]


def test_paused_it_pushes_nothing_not_even_the_end() -> None:
    live, reading, sink = response()
    live.start(sink)
    live.pause()
    assert not reading.reads
    live.deliver([b"one"])
    error = UpstreamError("cut")
    live.finish(error)
    assert sink.got == []
    live.resume()
    assert sink.got == [b"one", error]
    assert live.failed


def test_paused_by_its_sink() -> None:
    live, _, sink = response()
    sink.during = live.pause
    live.deliver([b"one"])
    live.finish(None)
    live.start(sink)
    assert sink.got == [b"one"]
    live.resume()
    assert sink.got == [b"one", None]


def test_cancelled_by_its_sink() -> None:
    live, reading, sink = response()
    sink.during = lambda: live.cancel("enough")
    live.start(sink)
    live.deliver([b"one"])
    live.deliver([b"two"])
    live.finish(None)
    assert sink.got == [b"one"]
    assert reading.aborted == 1


def test_cancelling_what_has_ended_leaves_the_connection_alone() -> None:
    ended, reading, _ = response()
    ended.finish(None)
    ended.cancel("late")
    assert reading.aborted == 0


def test_what_nobody_has_started_is_held_up_to_a_bound_and_read_on_when_started() -> None:
    waiting, reading, sink = response()
    waiting.deliver([b"a" * HELD_BYTES])
    assert reading.reads
    waiting.deliver([b"b"])
    assert not reading.reads
    waiting.start(sink)
    assert reading.reads
    assert sink.got == [b"a" * HELD_BYTES + b"b"]


def test_what_is_held_in_tiny_parts_takes_little_more_than_its_bytes() -> None:
    """One read may bring a body in chunks of a byte or two."""
    waiting, _, _ = response()
    tracemalloc.start()
    waiting.deliver([b"%02d" % (number % 100) for number in range(100_000)])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2 * 200_000
    assert len(waiting.body) == 200_000


def test_what_a_head_says_of_framing() -> None:
    assert ResponseHead(200, [(b"transfer-encoding", b"chunked")]).chunked
    assert not ResponseHead(200, [(b"content-length", b"1")]).chunked
    assert repr(ResponseHead(200, [])) == "<ResponseHead 200 0 fields>"
