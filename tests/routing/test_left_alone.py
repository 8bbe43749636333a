"""Upstreams that are left alone, through the whole room: who is asked, who is not, and what the caller is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Changes, Target
from tests.routing.test_retries import Scripted, answer, no_room_below
from tests.support.targets import exchange

DEAD = UpstreamError("refused", phase="connect")


class Room:
    """A routing room whose clock a test moves; entries ``m`` and, with fallbacks, ``f``."""

    def __init__(self, *those: Target, fallbacks: Sequence[Target] = (), retries: int = 2, **more: Any) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        entries = [Entry("m", those, make_strategy("round_robin"), fallbacks=["f"] if fallbacks else [], **more)]
        if fallbacks:
            entries.append(Entry("f", fallbacks, make_strategy("round_robin")))
        self.entry = entries[0]
        self._room = Routing(
            Table(entries), [*those, *fallbacks], retries=retries,
            now=lambda: self.now, uniform=lambda low, high: high, sleep=self._sleep,
        )  # fmt: skip

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def send(self, one: Exchange | None = None) -> Reply:
        call = one or exchange()
        call.deadline = self.now + 60.0

        async def enter() -> Reply:
            return await self._room(call, no_room_below)

        try:
            return run(enter())
        finally:
            call.finish("ok", self.now)

    def refusal(self, one: Exchange | None = None) -> UpstreamError:
        with pytest.raises(UpstreamError) as caught:
            self.send(one)
        return caught.value


def targets(**scripts: Any) -> list[Target]:
    changes = Changes()
    return [
        Target(name, Scripted(name, script if isinstance(script, list) else [script]), changes=changes)
        for name, script in scripts.items()
    ]


def asked(one: Target) -> int:
    assert isinstance(one.provider, Scripted)
    return len(one.provider.sent)


def test_one_that_is_dead_is_asked_a_few_times_and_no_call_fails() -> None:
    a, b, c = those = targets(a=DEAD, b="fine", c="fine")
    room = Room(*those)
    for _ in range(100):
        assert room.send().body == b"fine"
        room.now += 0.005
    assert asked(a) == 5
    assert asked(b) + asked(c) == 100


def test_while_it_is_dead_it_is_tried_ever_more_seldom() -> None:
    a, _ = those = targets(a=DEAD, b="fine")
    room = Room(*those)
    for _ in range(2_000):
        assert room.send().body == b"fine"
        room.now += 0.1
    # 5 before it opens, then trials after 1, 3, 7, 15, 31 and from then on each 30 seconds.
    assert 5 + 8 <= asked(a) <= 5 + 12


def test_it_comes_back_by_one_call() -> None:
    a, _ = those = targets(a=[*[DEAD] * 5, "back"], b="fine")
    room = Room(*those)
    for _ in range(20):
        room.send()
    assert asked(a) == 5
    room.now += 1.0
    assert room.send().body == b"back"
    assert a.word(room.now) == "closed"


def test_a_call_that_nobody_can_serve_counts_for_its_model_and_not_for_an_unknown_one() -> None:
    room = Room(*targets(a=DEAD), retries=0)
    for _ in range(5):
        room.refusal()
    one = exchange()
    assert room.refusal(one).code == "no_upstream"
    assert (one.model, one.upstream) == ("m", "")


def test_when_nobody_can_serve_it_says_who_is_how_and_when_to_come_back() -> None:
    (a,) = those = targets(a=DEAD)
    room = Room(*those, retries=0)
    for _ in range(5):
        assert room.refusal().code == "upstream_failed"
    told = room.refusal()
    assert (told.status, told.code, told.message) == (
        503, "no_upstream", "no upstream of model 'm' can serve now (a: open)",
    )  # fmt: skip
    assert told.retry_after == 1.0
    assert asked(a) == 5
    room.now += 1.0
    assert room.refusal().code == "upstream_failed", "the trial"
    assert room.refusal().code == "no_upstream"
    assert asked(a) == 6


def test_when_nobody_can_serve_a_fallback_does_at_once() -> None:
    a, f = targets(a=DEAD, f="larger")
    room = Room(a, fallbacks=[f], retries=0)
    for _ in range(20):
        one = exchange()
        assert room.send(one).body == b"larger"
    assert (asked(a), asked(f)) == (5, 20)
    assert (one.model, one.answered_as, one.attempts) == ("f", "f", 1)


def test_a_fallback_is_retried_like_any_model() -> None:
    a, f, g = targets(a=DEAD, f=answer(500), g="larger")
    room = Room(a, fallbacks=[f, g], retries=1)
    for _ in range(10):
        assert room.send().body == b"larger"


def test_one_that_is_left_alone_while_a_retry_waits_for_it_is_replaced_by_a_fallback() -> None:
    a, f = targets(a=answer(503), f="larger")
    room = Room(a, fallbacks=[f])
    usual = room._sleep

    async def sleep(seconds: float) -> None:
        for _ in range(5):
            a.health.ill(room.now)
        await usual(seconds)

    room._room._sleep = sleep
    assert room.send().body == b"larger"
    assert asked(a) == 1


def test_retries_cannot_storm() -> None:
    """Every call fails at every upstream: no more is added to the load than the budget says."""
    those = targets(a=answer(500), b=answer(500), c=answer(500))
    room = Room(*those)
    room.entry.budget.share = 0.1
    for one in those:
        one.health.rules.breaker.failures = one.health.rules.breaker.least = 1_000_000
    for _ in range(2000):
        assert room.send().status == 500
    assert sum(map(asked, those)) <= 2000 * 1.1 + 100 + 1


def test_a_caller_that_leaves_in_a_trial_does_not_keep_its_place() -> None:
    a, b = those = targets(a=[*[DEAD] * 5, "back"], b="fine")
    room = Room(*those)
    for _ in range(20):
        room.send()
    room.now += 1.0

    async def never(exchange: Exchange, model: str) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    usual = a.provider.send
    a.provider.send = never  # type: ignore[method-assign]
    call = exchange()
    call.deadline = 100.0

    async def leave() -> None:
        calling = asyncio.ensure_future(room._room(call, no_room_below))
        await asyncio.sleep(0)
        assert not a.health.breaker.free
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        call.finish("left", room.now)

    run(leave())
    a.provider.send = usual  # type: ignore[method-assign]
    assert room.send().body == b"back"
    assert b.in_flight == a.in_flight == 0
