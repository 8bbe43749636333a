"""Comparing two answers, by their texts and by the judge."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from penstock.cache.semantic.comparing import Comparing, Payer
from penstock.cache.semantic.tally import Tally
from tests.support.caching import exchange
from tests.support.matching import equal_texts


class Judged:
    """A judge that finds everything the same."""

    asked = 0

    async def says(self, *given: Any, **more: Any) -> bool:
        self.asked += 1
        return True


def equal(first: str | None, second: str | None, judge: Any = None) -> bool | None:
    async def next(one: Any) -> Any:
        raise AssertionError

    comparing = Comparing(equal_texts, judge, Tally(), lambda: 0.0)
    return asyncio.run(comparing.equal(Payer(exchange(), next), "q?", first, second))


@pytest.mark.parametrize(
    ("first", "second", "said"), [("abc", "abc", True), ("abc", "xyz", False), ("abcd", "abce", None)]
)
def test_texts_decide_where_they_can(first: str, second: str, said: bool | None) -> None:
    assert equal(first, second) is said


def test_the_judge_is_asked_only_where_texts_do_not_tell() -> None:
    judge = Judged()
    assert equal("abc", "abc", judge)
    assert equal("abc", "xyz", judge) is False
    assert judge.asked == 0
    assert equal("abcd", "abce", judge) is True
    assert judge.asked == 1


def test_an_answer_that_is_no_text_can_be_compared_by_nobody() -> None:
    judge = Judged()
    assert equal(None, "abc", judge) is None
    assert equal("abc", None, judge) is None
    assert judge.asked == 0
