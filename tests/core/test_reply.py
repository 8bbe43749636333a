import ast
import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.errors import Fail
from penstock.core.reply import Reply, Source, Tapped, Whole, collect
from penstock.process.loop import run
from tests.core.conformance import CUT, RIGS, Judge, Rig, Timers, events_of, timers

SOURCES = Path(__file__).parents[2] / "src" / "penstock"
every_source = pytest.mark.parametrize("name", RIGS)


def rig_of(name: str, count: int, loop: Timers, error: Fail | None = None) -> Rig:
    return RIGS[name][1](events_of(count), error, loop)


def finish(rig: Rig, judge: Judge, *, meanwhile: bool = False) -> None:
    """Let everything happen that can, and see that all of it came (or a beginning, when it was cut)."""
    judge.acts = judge.acts if meanwhile else ()
    judge.do("start")
    judge.do("resume")
    rig.feed_all()
    seen = b"".join(judge.frames)
    assert seen == rig.expected if rig.error is None else rig.expected.startswith(seen)
    assert judge.ends == [rig.error]


# ---- the contract, for every source

acts = st.sampled_from(["pause", "resume", "cancel", "start"])
harmless = st.sampled_from(["pause", "resume", "start"])


@every_source
@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(0, 6),
    cut=st.booleans(),
    steps=st.lists(st.one_of(acts, st.just("feed"), st.just("feed")), max_size=25),
    inside=st.lists(st.lists(acts, max_size=3), max_size=6),
)
def test_no_order_of_calls_breaks_the_contract(
    name: str, count: int, cut: bool, steps: list[str], inside: list[list[str]]
) -> None:
    with timers() as loop:
        rig = rig_of(name, count, loop, CUT if cut else None)
        judge = Judge(rig.source, inside)
        for step in steps:
            if step == "feed":
                rig.feed()
            else:
                judge.do(step)
        if not judge.cancelled:
            finish(rig, judge)
        else:
            seen, ended = len(judge.frames), len(judge.ends)
            judge.source.resume()
            rig.feed_all()
            assert (len(judge.frames), len(judge.ends)) == (seen, ended)


@every_source
@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.one_of(harmless, st.just("feed")), max_size=20),
    inside=st.lists(st.lists(harmless, max_size=3), min_size=1, max_size=6),
)
def test_nothing_is_lost_by_pausing(name: str, steps: list[str], inside: list[list[str]]) -> None:
    with timers() as loop:
        rig = rig_of(name, 6, loop)
        judge = Judge(rig.source, inside)
        for step in steps:
            if step == "feed":
                rig.feed()
            else:
                judge.do(step)
        finish(rig, judge)


@every_source
def test_pausing_and_resuming_in_each_push_does_not_pile_up_calls(name: str) -> None:
    with timers() as loop:
        rig = rig_of(name, 3000, loop)
        judge = Judge(rig.source, [["pause", "resume"]] * 3000)
        judge.do("start")
        rig.feed_all()
        assert b"".join(judge.frames) == rig.expected
        assert judge.ends == [None]


@every_source
def test_what_was_here_before_the_start_comes_in_order_whatever_the_sink_does_meanwhile(name: str) -> None:
    with timers() as loop:
        rig = rig_of(name, 3, loop)
        rig.feed_all()
        finish(rig, Judge(rig.source, [["pause", "resume"]] * 3), meanwhile=True)


@every_source
def test_cancelled_before_start_it_stays_silent(name: str) -> None:
    with timers() as loop:
        rig = rig_of(name, 2, loop)
        judge = Judge(rig.source)
        judge.do("cancel")
        judge.do("start")
        judge.do("resume")
        rig.feed_all()
        assert judge.frames == []
        assert judge.ends == []


def test_a_tap_that_cancels_keeps_its_frame_from_the_sink() -> None:
    source = Tapped(Whole(b"a", b"b"), [lambda frame: judge.do("cancel")])
    judge = Judge(source)
    judge.do("start")
    assert judge.frames == []
    assert judge.ends == []


@every_source
def test_started_anew_after_a_cancel_it_stays_silent(name: str) -> None:
    with timers() as loop:
        rig = rig_of(name, 1, loop)
        judge = Judge(rig.source, [["cancel", "start"]] * 3)
        judge.do("start")
        rig.feed_all()
        assert len(judge.frames) <= 1
        assert judge.ends == []


def test_a_paced_source_keeps_its_pace_when_resumed_inside_a_push() -> None:
    with timers() as loop:
        rig = rig_of("PacedFrames", 4, loop)
        judge = Judge(rig.source, [["pause", "resume"]])
        judge.do("start")
        assert len(judge.frames) == 1
        rig.feed()
        assert len(judge.frames) == 2


def test_every_class_that_is_a_source_is_tested_here() -> None:
    wanted = {"start", "pause", "resume", "cancel"}
    found = {
        node.name
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and wanted <= {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
        and not any(isinstance(base, ast.Name) and base.id in ("Protocol", "Source") for base in node.bases)
        and node.name not in ("Source", "Viewer", "Proof")  # the latter two have tests of their own
    }
    assert found == {made.__name__ for made, _ in RIGS.values()}


# ---- the judge itself can fail


class Rude:
    """A source that breaks one rule."""

    def __init__(self, breach: str) -> None:
        self.breach = breach
        self.sink: Any = None

    def start(self, sink: Any) -> None:
        self.sink = sink
        sink.push(b"" if self.breach == "empty" else b"a")
        if self.breach == "twice":
            sink.end(None)
        sink.end(None)

    def pause(self) -> None:
        if self.breach == "paused":
            self.sink.push(b"b")

    def resume(self) -> None:
        if self.breach == "nested":
            self.sink.push(b"b")

    def cancel(self, reason: str) -> None:
        if self.breach == "cancelled":
            self.sink.end(None)


@pytest.mark.parametrize(
    ("breach", "act"),
    [("empty", ""), ("twice", ""), ("paused", "pause"), ("nested", "resume"), ("cancelled", "cancel")],
)
def test_the_judge_sees_each_breach(breach: str, act: str) -> None:
    judge = Judge(Rude(breach), [[act]] if act else [])
    with pytest.raises(AssertionError):
        judge.do("start")


# ---- Reply


def test_taps_see_what_flowed_at_their_room() -> None:
    inner: list[bytes] = []
    outer: list[bytes] = []
    reply = Reply(200, [], b"abc")
    reply.taps.append(inner.append)
    reply.through(Upper)
    reply.taps.append(outer.append)
    assert reply.live
    assert run(collect(Tapped(live(reply), reply.taps), 10)) == b"ABC"
    assert inner == [b"abc"]
    assert outer == [b"ABC"]


def live(reply: Reply) -> Source:
    assert not isinstance(reply.body, bytes)
    return reply.body


class Upper:
    """A source that changes what flows."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.pause, self.resume, self.cancel = source.pause, source.resume, source.cancel

    def start(self, sink: Any) -> None:
        self._sink = sink
        self._source.start(self)

    def push(self, frame: bytes) -> None:
        self._sink.push(frame.upper())

    def end(self, error: Fail | None) -> None:
        self._sink.end(error)


def test_changing_what_flows_forgets_its_length() -> None:
    reply = Reply(200, [], Whole(b"abc"))
    reply.length = 3
    reply.through(Upper)
    assert reply.length is None


def test_a_whole_reply_is_not_live() -> None:
    assert not Reply(200, [], b"").live


# ---- collect


def test_collect_joins_frames() -> None:
    assert run(collect(Whole(b"ab", b"", b"c"), 3)) == b"abc"
    assert run(collect(b"abc", 3)) == b"abc"


def test_collect_stops_past_its_limit() -> None:
    source = Whole(b"ab", b"cd")
    with pytest.raises(OverflowError):
        run(collect(source, 3))
    assert "done" in repr(source)
    with pytest.raises(OverflowError):
        run(collect(b"abcd", 3))


def test_collect_raises_what_the_source_ends_with() -> None:
    with timers() as loop:
        rig = rig_of("Response", 2, loop, CUT)
        rig.feed_all()
    with pytest.raises(Fail) as caught:
        run(collect(rig.source, 1000))
    assert caught.value is CUT


def test_cancelling_collect_cancels_the_source() -> None:
    cancelled: list[str] = []

    class Silent:
        def start(self, sink: Any) -> None: ...
        def pause(self) -> None: ...
        def resume(self) -> None: ...
        def cancel(self, reason: str) -> None:
            cancelled.append(reason)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await collect(Silent(), 10)

    run(give_up())
    assert len(cancelled) == 1


def test_a_reply_may_be_awaited() -> None:
    async def main(reply: Reply) -> bool:
        return await reply is reply

    assert run(main(Reply(200, [], b"")))
