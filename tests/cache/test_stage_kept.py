"""Which answers the room keeps: whole ones, within bounds."""

from __future__ import annotations

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Whole
from tests.support.cache_room import FRAMES, SSE, Rig
from tests.support.caching import JSON, answer, exchange


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, [(b"content-type", JSON)], b'{"choices":[{"finish_reason":"length"}]}'),
        Reply(200, [(b"content-type", JSON)], b'{"choices":[{"finish_reason":"content_filter"}]}'),
        Reply(200, [(b"content-type", JSON)], b'{"error":{"message":"no"}}'),
        Reply(200, [(b"content-type", JSON)], b'{"choices":[{"finish_re'),
        Reply(200, [(b"content-type", JSON)], b""),
        Reply(200, [(b"content-type", b"text/html")], answer().data),
        Reply(200, [(b"content-type", JSON), (b"content-encoding", b"gzip")], answer().data),
        Reply(200, [], answer().data),
        Reply(201, [(b"content-type", JSON)], answer().data),
        Reply(429, [(b"content-type", JSON)], answer().data),
        Reply(500, [(b"content-type", JSON)], b"{}"),
    ],
)
def test_answers_that_are_not_kept(reply: Reply) -> None:
    rig = Rig()
    rig.answer = lambda one: reply
    rig.ask(exchange())
    one = exchange()
    rig.ask(one)
    assert (one.cache, rig.asked) == ("miss", 2)
    assert rig.shelf.account.held == 0  # type: ignore[attr-defined]


def test_streams_that_are_not_kept() -> None:
    for frames in (FRAMES[:-1], FRAMES[:2], [*FRAMES[:2], b'data: {"error":{"message":"no"}}\n\n', *FRAMES[2:]]):
        rig = Rig()
        rig.answer = lambda one, frames=frames: Reply(200, [*SSE], Whole(*frames), events=True)  # type: ignore[misc]
        rig.ask(exchange(stream=True))
        assert len(rig.shelf.directory) == 0
        assert rig.shelf.account.held == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("outcome", ["left", "error"])
def test_a_caller_that_leaves_leaves_nothing_behind(outcome: str) -> None:
    rig = Rig()
    rig.ask(exchange(stream=True), outcome)
    assert len(rig.shelf.directory) == 0
    assert rig.shelf.account.held == 0  # type: ignore[attr-defined]


def test_a_failing_upstream_is_not_the_caches_affair() -> None:
    rig = Rig()

    def fail(one: Exchange) -> Reply:
        raise UpstreamError("down")

    rig.answer = fail
    with pytest.raises(UpstreamError):
        rig.ask(exchange())
    assert len(rig.shelf.directory) == 0


def test_an_answer_too_large_is_passed_on_and_not_kept() -> None:
    rig = Rig(max_answer=2000)
    rig.answer = lambda one: Reply(200, [(b"content-type", JSON)], answer("x" * 3000).data)
    assert b"xxx" in rig.ask(exchange())[1]
    assert rig.shelf.counts.stores == {"too_large": 1}
