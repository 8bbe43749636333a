"""A call of its own for one that was too slow: whatever happens to it ends as it should."""

import asyncio
from typing import Any

import pytest

from penstock.coalesce.own_call import OwnCall
from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from tests.support.fibers import turns
from tests.support.flights import EVENTS, JSON, asking
from tests.support.scripted import Puppet


class Sink:
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ends: list[Fail | None] = []

    def push(self, frame: bytes) -> None:
        self.frames.append(frame)

    def end(self, error: Fail | None) -> None:
        self.ends.append(error)


def own(answer: Any, act: Any) -> tuple[Exchange, list[Exchange]]:
    one, forks = asking(stream=True), []

    async def below(exchange: Exchange) -> Reply:
        forks.append(exchange)
        exchange.tokens_out = 3
        exchange.defer(lambda ended: setattr(ended, "cost", 7))  # as the room that prices it, when it ends
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Reply):
            return answer
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def main() -> None:
        made = OwnCall(one, below, asyncio.get_running_loop(), lambda: 4.0)
        sink = Sink()
        made.start(sink)
        made.start(sink)
        await act(made, sink)
        await turns(3)
        assert [fork.outcome is not None for fork in forks] == [True]

    asyncio.run(main())
    return one, forks


def test_a_stream_flows_paused_and_resumed() -> None:
    puppet = Puppet([b"data: 1\n\n"])

    async def act(made: OwnCall, sink: Sink) -> None:
        made.pause()
        made.resume()
        puppet.end()
        assert puppet.calls == ["start", "pause", "resume"]
        assert (sink.frames, sink.ends) == ([b"data: 1\n\n"], [None])

    one, (fork,) = own(Reply(200, EVENTS, puppet, events=True), act)
    assert (one.tokens_out, fork.outcome) == (3, "ok")
    assert one.cost == 7


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (UpstreamError("down", code="down"), "down"),
        (Reply(200, JSON, b"{}"), "upstream_failed"),
        (Reply(500, JSON, Puppet()), "upstream_failed"),
        (ZeroDivisionError(), "internal_error"),
    ],
)
def test_what_is_no_stream_is_an_error(answer: Any, code: str) -> None:
    async def act(made: OwnCall, sink: Sink) -> None:
        assert [error.code for error in sink.ends if error] == [code]

    _, (fork,) = own(answer, act)
    assert fork.outcome == "error"


def test_cancelling_it_cancels_the_call_in_either_phase() -> None:
    puppet = Puppet()

    async def act(made: OwnCall, sink: Sink) -> None:
        made.cancel("gone")
        made.cancel("gone")
        await turns(3)
        assert sink.ends == []

    _, (fork,) = own(None, act)
    assert fork.outcome == "left"
    _, (fork,) = own(Reply(200, EVENTS, puppet, events=True), act)
    assert (fork.outcome, puppet.calls) == ("left", ["start", "cancel"])
