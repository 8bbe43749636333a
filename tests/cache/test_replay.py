"""A kept answer told again, each way, at each pace."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from penstock.cache.entry import Answer, mark
from penstock.cache.replay import MOST_FRAME_BYTES, Paced, at_once, stream_at_once, stream_frames, whole_body
from penstock.core.errors import Fail, UpstreamError
from penstock.core.reply import Source
from penstock.wire import openai_chat
from penstock.wire.counts import Usage
from penstock.wire.sse import parse
from tests.support.caching import answer, entry

SSE = b"text/event-stream"
FRAMES = list(openai_chat.stream("c", "m", 1, ["one ", "two"]))
STREAMED = Answer(SSE, b"".join(FRAMES), b"".join(mark(len(frame), 0.25) for frame in FRAMES))
ENTRY = entry(tokens_in=3, tokens_out=2, seconds=1.0)


class Clock:
    """Calls back when it is told that time has passed."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None], Timer]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = Timer()
        self.due.append((self.now + seconds, call, timer))
        return timer

    def run(self, until: float) -> None:
        while ready := [one for one in self.due if one[0] <= until]:
            at, call, timer = min(ready, key=lambda one: one[0])
            self.due.remove((at, call, timer))
            self.now = at
            if not timer.cancelled:
                call()
        self.now = until


class Timer:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Reader:
    def __init__(self, clock: Clock, source: Source, pause_after: int = -1) -> None:
        self.got: list[tuple[float, bytes]] = []
        self.ends = 0
        self._clock = clock
        self._source = source
        self._pause_after = pause_after

    def push(self, frame: bytes) -> None:
        self.got.append((self._clock.now, frame))
        if len(self.got) == self._pause_after:
            self._source.pause()

    def end(self, error: Fail | None) -> None:
        assert error is None
        self.ends += 1


def test_whole_for_who_does_not_stream() -> None:
    assert whole_body("chat", answer(), ENTRY) is answer().data or whole_body("chat", answer(), ENTRY) == answer().data
    told = json.loads(whole_body("chat", STREAMED, ENTRY))
    assert told["choices"][0]["message"]["content"] == "one two"
    assert told["usage"]["completion_tokens"] == 2  # as counted: the stream did not tell
    kept = Answer(SSE, STREAMED.data, STREAMED.marks, b'{"prompt_tokens":7,"completion_tokens":8,"total_tokens":15}')
    assert json.loads(whole_body("chat", kept, ENTRY))["usage"]["total_tokens"] == 15


def test_a_stream_for_who_streams_with_usage_if_wanted() -> None:
    assert [frame for frame, _ in stream_frames("chat", STREAMED, ENTRY, False)] == FRAMES
    told = b"".join(frame for frame, _ in stream_frames("chat", STREAMED, ENTRY, True))
    assert told == b"".join(openai_chat.stream("c", "m", 1, ["one ", "two"], Usage(3, 2)))
    spread = stream_frames("chat", answer(), ENTRY, False)
    assert sum(gap for _, gap in spread) <= 1000  # about as long as it took
    assert "".join(
        json.loads(event.data)["choices"][0]["delta"].get("content", "")
        for frame, _ in spread[:-1] for event in parse(frame)
    ) == "hello"  # fmt: skip


@pytest.mark.parametrize("operation", ["embeddings", "rerank"])
def test_what_is_no_stream_cannot_become_one(operation: str) -> None:
    with pytest.raises(UpstreamError):
        stream_frames(operation, answer(), ENTRY, False)
    with pytest.raises(UpstreamError):
        whole_body(operation, STREAMED, ENTRY)


def test_at_once_is_few_writes_of_whole_events() -> None:
    clock = Clock()
    frames = [(b"data: %d\n\n" % number * 50, 0) for number in range(1000)]
    source = at_once(frames)
    reader = Reader(clock, source)
    source.start(reader)
    assert b"".join(frame for _, frame in reader.got) == b"".join(frame for frame, _ in frames)
    assert all(len(frame) <= MOST_FRAME_BYTES and frame.endswith(b"\n\n") for _, frame in reader.got)
    assert reader.ends == 1


@pytest.mark.parametrize("usage", [True, False])
@pytest.mark.parametrize("kept", [STREAMED, answer(), answer("word " * 20_000)])
def test_a_stream_at_once_is_what_its_frames_are(kept: Answer, usage: bool) -> None:
    clock = Clock()
    source = stream_at_once("chat", kept, ENTRY, usage)
    reader = Reader(clock, source)
    source.start(reader)
    frames = stream_frames("chat", kept, ENTRY, usage)
    assert b"".join(frame for _, frame in reader.got) == b"".join(frame for frame, _ in frames)
    assert (b'"usage"' in reader.got[-1][1]) is usage
    assert all(len(frame) <= MOST_FRAME_BYTES for _, frame in reader.got)


@pytest.mark.parametrize(("pace", "gap"), [(None, 0.25), (20.0, 0.05)])
def test_gaps(pace: float | None, gap: float) -> None:
    clock = Clock()
    source = Paced(stream_frames("chat", STREAMED, ENTRY, False), clock.later, pace)
    reader = Reader(clock, source)
    source.start(reader)
    assert reader.got == []  # never inside start
    clock.run(100)
    assert [frame for _, frame in reader.got] == FRAMES
    assert [round(at, 6) for at, _ in reader.got] == [round(gap * number, 6) for number in range(len(FRAMES))]
    assert reader.ends == 1


def test_a_gap_that_was_a_stall_is_not_waited_for() -> None:
    clock = Clock()
    source = Paced([(b"a", 0), (b"b", 3_600_000)], clock.later, None)
    reader = Reader(clock, source)
    source.start(reader)
    clock.run(5.0)
    assert len(reader.got) == 2


def test_a_paused_one_pushes_nothing_until_it_is_resumed() -> None:
    clock = Clock()
    source = Paced([(b"%d" % number, 10) for number in range(5)], clock.later, None)
    reader = Reader(clock, source, pause_after=2)
    source.start(reader)
    clock.run(10)
    assert len(reader.got) == 2
    source.resume()
    source.resume()
    clock.run(20)
    assert len(reader.got) == 5
    assert reader.ends == 1


@pytest.mark.parametrize("when", [0.0, 0.02, 9.0])
def test_a_cancelled_one_says_nothing_more(when: float) -> None:
    clock = Clock()
    source = Paced([(b"%d" % number, 10) for number in range(5)], clock.later, None)
    reader = Reader(clock, source)
    source.start(reader)
    clock.run(when)
    before: Any = (list(reader.got), reader.ends)
    source.cancel("gone")
    source.resume()
    clock.run(100)
    assert (reader.got, reader.ends) == before
    assert all(timer.cancelled for _, _, timer in clock.due)


def test_one_that_waits_while_it_is_paused_goes_on_after() -> None:
    clock = Clock()
    source = Paced([(b"a", 0), (b"b", 100)], clock.later, None)
    reader = Reader(clock, source)
    source.start(reader)
    clock.run(0.05)
    source.pause()
    clock.run(1.0)
    assert len(reader.got) == 1
    source.resume()
    clock.run(2.0)
    assert (len(reader.got), reader.ends) == (2, 1)
