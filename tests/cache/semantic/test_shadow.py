"""Places for shadow checks, and waiting for the judge. The outcomes are in test_stage.py."""

from __future__ import annotations

import asyncio
from typing import Any

from penstock.cache.semantic.asking import Below
from penstock.cache.semantic.comparing import Comparing
from penstock.cache.semantic.question import Question
from penstock.cache.semantic.shadow import JUDGE_PAUSE, JUDGE_SECONDS, Shadows
from penstock.cache.semantic.tally import Tally
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.memory.ledger import BoundedAccount
from tests.support.caching import JSON, answer, exchange
from tests.support.matching import equal_texts


class Busy:
    """A judge that has no question left before ``free``."""

    def __init__(self, free: float) -> None:
        self.free = free

    def has_question(self, now: float, *, urgent: bool) -> bool:
        assert urgent
        return now >= self.free

    async def says(self, fork: Any, next: Any, *given: Any, **more: Any) -> bool | None:
        return True if self.now() >= self.free else None

    now: Any = None


class Checks:
    def __init__(self, judge: Any = None, checks: int = 2, room: int = 10_000) -> None:
        self.clock = 0.0
        self.tally = Tally()
        self.account = BoundedAccount("cache", room)
        if judge is not None:
            judge.now = lambda: self.clock
        below = Below(lambda: self.clock, asyncio.timeout, None)
        comparing = Comparing(equal_texts, judge, self.tally, lambda: self.clock)
        self.shadows = Shadows(
            below, comparing, self.account, self.tally, lambda: self.clock, self.pause, checks=checks, most=1000
        )

    async def pause(self, seconds: float) -> None:
        self.clock += seconds

    def check(self, told: str, said: str) -> bool | None:
        async def next(one: Exchange) -> Reply:
            return Reply(200, [(b"content-type", JSON)], answer(said).data)

        one = exchange()
        assert self.shadows.reserve(one)
        question = Question("q?", "chat", b"p", "m", "v")
        return asyncio.run(self.shadows.check(one.fork("check"), next, question, told))


def test_places_and_bytes_are_bounded_and_given_back() -> None:
    checks = Checks()
    one = exchange()
    assert [checks.shadows.reserve(one) for _ in range(3)] == [True, True, False]
    assert checks.tally.shadows["inline"] == 1
    checks.shadows.release(len(one.call.body))
    assert checks.shadows.reserve(one)
    small = Checks(room=10)
    assert not small.shadows.reserve(one)
    assert small.account.held == 0


def test_a_check_gives_back_what_it_took() -> None:
    checks = Checks()
    assert checks.check("abc", "abc") is True
    assert (checks.shadows.running, checks.account.held) == (0, 0)


def test_it_waits_for_the_judge_to_have_a_question() -> None:
    checks = Checks(Busy(free=10.0))
    assert checks.check("abcd", "abce") is True
    assert checks.clock == 10.0


def test_it_does_not_wait_for_ever() -> None:
    checks = Checks(Busy(free=10_000.0))
    assert checks.check("abcd", "abce") is None
    assert checks.clock <= JUDGE_SECONDS + JUDGE_PAUSE
    assert checks.tally.shadows == {"unknown": 1}
