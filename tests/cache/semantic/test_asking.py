"""Asking the rooms below on a fork."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from penstock.cache.semantic.asking import Below, Rooms
from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Whole
from tests.support.cache_room import FRAMES, SSE
from tests.support.caching import JSON, answer, exchange

HEAD = [(b"content-type", JSON)]


def ask(reply: Any, seconds: float = 5.0, most: int = 10_000) -> tuple[bytes | None, Exchange, list[Exchange]]:
    ended: list[Exchange] = []
    fork = exchange().fork("shadow")

    async def next(one: Exchange) -> Reply:
        if isinstance(reply, BaseException):
            raise reply
        if reply is None:
            await asyncio.sleep(60)
        return reply

    async def main() -> bytes | None:
        return await Below(lambda: 2000.0, asyncio.timeout, ended.append).ask(fork, next, seconds, most)

    return asyncio.run(main()), fork, ended


def test_a_whole_answer() -> None:
    body, fork, ended = ask(Reply(200, HEAD, answer("hello").data))
    assert body == answer("hello").data
    assert (fork.outcome, fork.deadline, fork.started) == ("ok", 2005.0, 2000.0)
    assert ended == [fork]


def test_a_stream_is_put_together() -> None:
    body, _, _ = ask(Reply(200, SSE, Whole(*FRAMES), events=True))
    assert body is not None
    assert b"one two" in body


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, HEAD, b"{}"),
        Reply(200, HEAD, b"not json"),
        Reply(200, HEAD, answer("x" * 20_000).data),
        Reply(200, SSE, Whole(*FRAMES[:-2]), events=True),
        UpstreamError("away"),
        OSError("away"),
        KeyError("a defect"),
    ],
)
def test_what_is_no_whole_answer_is_none(reply: Any) -> None:
    body, fork, ended = ask(reply)
    assert (body, fork.outcome, len(ended)) == (None, "error", 1)


def test_one_that_is_too_slow_is_none() -> None:
    body, fork, _ = ask(None, seconds=0.01)
    assert (body, fork.outcome) == (None, "error")


def test_cancelled_it_ends_its_fork() -> None:
    fork = exchange().fork("shadow")

    async def next(one: Exchange) -> Reply:
        await asyncio.sleep(60)
        raise AssertionError

    async def main() -> None:
        task = asyncio.ensure_future(Below(lambda: 0.0, asyncio.timeout, None).ask(fork, next, 60, 10))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert fork.outcome == "error"


def test_at_first_no_call_has_passed() -> None:
    assert Rooms().below is None
