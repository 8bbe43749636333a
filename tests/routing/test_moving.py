"""Streams whose upstream is to end, through the whole room: another goes on, or it stays where it is; never a cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.process.loop import run
from penstock.routing import moving
from penstock.routing.moving import leaving, move_streams
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target
from tests.routing.test_attempts import attempts, entry, every, failed, names
from tests.routing.test_rescue import Caller, ask, no_room_below
from tests.support.halting import halting, its
from tests.support.numbered import TEXT, WORDS
from tests.support.targets import targets


class Scene:
    """A call that is under way at the first of ``those``."""

    def __init__(self, exchange: Exchange, those: tuple[Target, ...], **options: Any) -> None:
        entry = Entry("m", those, make_strategy("round_robin"))
        self.exchange, self.those, self.caller = exchange, those, Caller()
        self.room = Routing(
            Table([entry]), those, retries=0, now=lambda: 0.0, uniform=lambda low, high: low, **options
        )  # fmt: skip

    async def begin(self) -> None:
        reply = await self.room(self.exchange, no_room_below)
        assert not isinstance(reply.body, bytes)
        reply.body.start(self.caller)

    async def over(self) -> None:
        async with asyncio.timeout(5):
            while not self.caller.ends:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        self.exchange.finish("ok" if self.caller.ends == [None] else "error", 1.0)
        for one in self.those:
            assert (one.in_flight, one.streams) == (0, {}), one
            assert one.health.breaker.state == "closed"


def played(test: Callable[[], Any]) -> None:
    run(test())


@pytest.mark.parametrize("operation", ["chat", "messages", "completions"])
def test_another_goes_on_and_the_caller_sees_one_answer(operation: str) -> None:
    async def main() -> None:
        a, b = halting("a", 5), halting("b", WORDS + 9)
        scene = Scene(ask(operation), (a, b))
        await scene.begin()
        a.drain()
        assert move_streams(a) == 1
        its(b).halted[0].go()
        await scene.over()
        assert scene.caller.ends == [None]
        assert scene.caller.text == TEXT
        one = scene.exchange
        assert (one.rescues, one.failures, one.upstream) == (["moved"], [("leaving", "a")], "b")
        assert its(a).halted[0].cancelled == "moved"
        assert b"rescued this answer: upstream 'a' is to end" in scene.caller.got

    played(main)


def test_it_needs_no_retry_budget_and_goes_round_as_often_as_it_must() -> None:
    async def main() -> None:
        those = halting("a", 2), halting("b", 3), halting("c", 3)
        scene = Scene(ask(), those)
        await scene.begin()
        for _ in range(2):
            here = next(one for one in those if one.streams)
            here.drain()
            assert move_streams(here) == 1
        (last,) = [one for one in those if one.streams]
        its(last).halted[0].go()
        await scene.over()
        assert scene.caller.text == TEXT
        assert scene.exchange.rescues == ["moved", "moved"]

    played(main)


def test_where_the_other_would_tell_another_answer_it_stays_and_is_whole() -> None:
    """A server that takes no prefill begins anew; told to go on, a model may write something else: it is not asked."""

    async def main() -> None:
        a, b = halting("a", 5, kind="openai"), halting("b", 0, kind="openai", takes="")
        its(b)._frames = lambda *_: iter([])  # type: ignore[method-assign]
        its(b).script = [UpstreamError("it is busy", status=503, code="upstream_failed")]
        scene = Scene(ask(), (a, b))
        await scene.begin()
        a.drain()
        assert move_streams(a) == 1
        assert "messages" in its(b).bodies[0]
        assert len(its(b).bodies[0]["messages"]) == 1  # asked whole again, not told to go on
        its(a).halted[0].go()
        await scene.over()
        assert scene.caller.text == TEXT
        assert scene.exchange.rescues is None

    played(main)


def test_an_answer_that_strays_is_given_up_before_the_first_word_of_it_is_told() -> None:
    async def main() -> None:
        a, b = halting("a", 5, kind="openai"), halting("b", WORDS + 9, kind="openai")
        frames = its(b)._frames
        its(b)._frames = lambda *given: (one.replace(b"w2", b"v2") for one in frames(*given))  # type: ignore[method-assign]
        scene = Scene(ask(), (a, b))
        await scene.begin()
        a.drain()
        for _ in range(5):
            move_streams(a)
        assert len(its(b).bodies) == moving.MOST_MOVES
        its(a).halted[0].go()
        await scene.over()
        assert scene.caller.text == TEXT

    played(main)


def test_what_takes_too_long_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.routing.rescue.MOVE_SECONDS", 0.02)

    async def main() -> None:
        a, b = halting("a", 5, kind="openai"), halting("b", 2, kind="openai")
        scene = Scene(ask(), (a, b))
        await scene.begin()
        a.drain()
        move_streams(a)
        async with asyncio.timeout(5):
            while not its(b).halted[0].cancelled:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        its(a).halted[0].go()
        await scene.over()
        assert scene.caller.text == TEXT
        assert b.in_flight == 0

    played(main)


def test_where_nobody_else_is_nothing_happens() -> None:
    async def main() -> None:
        a = halting("a", 5)
        scene = Scene(ask(), (a,))
        await scene.begin()
        a.drain()
        move_streams(a)
        its(a).halted[0].go()
        await scene.over()
        assert scene.caller.text == TEXT

    played(main)


def test_what_cannot_be_led_on_stays() -> None:
    async def main() -> None:
        a, b = halting("a", 5), halting("b", 5)
        scene = Scene(ask(n=2), (a, b))
        await scene.begin()
        a.drain()
        move_streams(a)
        assert its(b).bodies == []
        its(a).halted[0].go()
        await scene.over()
        assert scene.caller.ends == [None]

    played(main)


def test_one_whose_upstream_dies_while_it_is_being_moved_is_rescued_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("penstock.routing.rescue.MOVE_SECONDS", 0.02)

    async def main() -> None:
        a, b, c = those = tuple(halting(name, words, kind="openai") for name, words in (("a", 5), ("b", 2), ("c", 99)))
        scene = Scene(ask(), those)
        scene.room._retries = 2
        await scene.begin()
        a.drain()
        move_streams(a)
        its(a).halted[0].cut()
        its(c).words = its(b).words = 99
        async with asyncio.timeout(5):
            while not scene.caller.ends:
                await asyncio.sleep(0.001)
                for one in (b, c):
                    for stream in its(one).halted:
                        stream.go()
        await scene.over()
        assert scene.caller.text == TEXT

    played(main)


def test_a_caller_that_leaves_while_it_is_being_moved_leaves_nothing_behind() -> None:
    async def main() -> None:
        a, b = halting("a", 5, kind="openai"), halting("b", 2, kind="openai")
        scene = Scene(ask(), (a, b))
        reply = await scene.room(scene.exchange, no_room_below)
        assert not isinstance(reply.body, bytes)
        reply.body.start(scene.caller)
        a.drain()
        move_streams(a)
        scene.exchange.finish("left", 1.0)
        reply.body.cancel("caller gone")
        await asyncio.sleep(0.01)
        assert its(a).halted[0].cancelled
        assert its(b).halted[0].cancelled
        assert [one.in_flight for one in scene.those] == [0, 0]

    played(main)


@given(st.integers(1, WORDS), st.lists(st.integers(1, 4), max_size=6), st.booleans())
def test_however_often_it_is_moved_the_text_is_whole(words: int, more: list[int], slow: bool) -> None:
    async def main() -> None:
        a, b = those = halting("a", words), halting("b", more[0] if more else 1)
        scene = Scene(ask(), those)
        await scene.begin()
        joint = next(iter(a.streams.values()))
        here, there = a, b
        for step in more:
            its(there).words = step
            here.drain(True)
            there.drain(False)
            if slow:
                joint.pause()
            move_streams(here)
            await asyncio.sleep(0)
            if slow:
                joint.resume()
            if there.streams:
                here, there = there, here
        for one in those:
            for stream in its(one).halted:
                stream.go()
        await scene.over()
        assert scene.caller.text == TEXT
        assert scene.caller.got.count(b"[DONE]") == 1

    played(main)


def test_who_is_told_to_leave_is_not_blamed() -> None:
    error = leaving("a")
    assert (error.code, error.upstream, error.phase) == ("upstream_leaving", "a", "drain")


def test_a_call_whose_upstream_is_to_end_goes_to_one_that_stays_and_that_counts_as_no_failure() -> None:
    a, b, c = those = targets(1, 1, 1)
    b.drain()
    one = entry("m", those)
    one.budget.share = 0.0
    plan = attempts(one, most=0)
    for _ in range(5):
        assert names(plan.after(failed("leaving"), a, every, 60, 0.0)) == [c.name]
    assert plan.after(failed("leaving"), a, every, 0, 0.0) is None  # its time is up
    c.drain()
    assert names(plan.after(failed("leaving"), a, every, 60, 0.0)) == [b.name, c.name]
    assert names(attempts(entry("m", [a]), entry("f", [c])).after(failed("leaving"), a, every, 60, 0.0)) == [c.name]
