"""The room, in front of a pipeline that the test wrote."""

import asyncio
from typing import Any

import pytest

from penstock.core.errors import CallerError, Fail, GatewayError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Source, Whole
from penstock.memory.ledger import BoundedAccount
from penstock.resume.config import ResumeConfig
from penstock.resume.stage import Resume
from penstock.resume.streams import Streams
from tests.support.keeping import client, events
from tests.support.targets import exchange

HEADERS = [(b"content-type", b"text/event-stream")]


def room(always: bool = False, room: int = 100_000, **settings: Any) -> tuple[Resume, Streams]:
    streams = Streams(0, BoundedAccount("resume", room), lambda: 5.0, lambda kept: None)
    streams.settings = ResumeConfig(**settings)
    return Resume(streams, always=always), streams


def call(value: bytes | None = b"true", *, stream: bool = True) -> Exchange:
    made = exchange()
    made.key = "key-1"
    made.call.stream = stream
    if value is not None:
        made.call.headers = [(b"x-penstock-resume", value)]
    return made


def through(stage: Resume, one: Exchange, answer: Reply | Fail) -> tuple[Reply, list[Exchange]]:
    below: list[Exchange] = []

    async def next(inner: Exchange) -> Reply:
        below.append(inner)
        inner.upstream, inner.attempts = "up", 2
        if isinstance(answer, Fail):
            raise answer
        return answer

    async def main() -> Reply:
        return await stage(one, next)

    return asyncio.run(main()), below


def stream() -> Reply:
    return Reply(200, HEADERS, Whole(*events(1, 2)), events=True)


@pytest.mark.parametrize(
    ("one", "always", "kept"),
    [
        (call(b"true"), False, True),
        (call(b"True"), False, True),
        (call(b"false"), False, False),
        (call(None), False, False),
        (call(None), True, True),
        (call(b"false"), True, False),
        (call(b"true", stream=False), False, False),
    ],
)
def test_who_wants_it(one: Exchange, always: bool, kept: bool) -> None:
    stage, streams = room(always)
    reply, below = through(stage, one, stream())
    assert (below[0] is not one) is kept
    assert streams.opened == kept
    assert (b"x-penstock-stream" in dict(reply.headers)) is kept
    assert set(HEADERS) <= set(reply.headers)


def test_neither_yes_nor_no_is_refused() -> None:
    stage, _ = room()
    with pytest.raises(CallerError) as refused:
        through(stage, call(b"perhaps"), stream())
    assert refused.value.param == "x-penstock-resume"


def test_taps_below_saw_what_flowed_there_and_those_above_see_numbers() -> None:
    stage, _ = room()
    reply = stream()
    below: list[bytes] = []
    reply.taps.append(below.append)
    one = call()
    reply, _ = through(stage, one, reply)
    assert not isinstance(reply.body, bytes)
    got = client(reply.body)
    assert b"".join(below) == b"".join(events(1, 2))
    assert got.raw.count(b"id: ") == 2
    assert (one.upstream, one.attempts) == ("up", 2)


@pytest.mark.parametrize("answer", [Reply(400, [], b"{}"), Reply(200, [], Whole(b"binary"))])
def test_what_is_no_stream_passes(answer: Reply) -> None:
    stage, streams = room()
    one = call()
    reply, (child,) = through(stage, one, answer)
    assert reply is answer
    assert streams.opened == 0
    child.defer(lambda fork: setattr(fork, "cost", 9))  # as the rooms below, when it ends
    one.finish("ok", 7.0)
    assert (child.outcome, one.cost) == ("ok", 9)


def test_a_fail_ends_the_fork_and_tells_its_facts() -> None:
    stage, _ = room()
    one = call()
    with pytest.raises(UpstreamError):
        through(stage, one, UpstreamError("down"))
    assert (one.upstream, one.attempts) == ("up", 2)


@pytest.mark.parametrize("late", [None, GatewayError("too long", status=504, code="deadline")])
def test_a_caller_that_leaves_before_the_answer_cancels_it(late: GatewayError | None) -> None:
    stage, _ = room()
    forks: list[Exchange] = []

    async def next(inner: Exchange) -> Reply:
        forks.append(inner)
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def main() -> None:
        one = call()
        waiting = asyncio.ensure_future(stage(one, next))
        await asyncio.sleep(0)
        one.error = late
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert (forks[0].outcome, forks[0].error) == ("left" if late is None else "error", late)


def test_a_stream_too_many_flows_and_ends_with_its_caller() -> None:
    stage, streams = room(streams=1)
    reply, _ = through(stage, call(), stream())
    one = call()
    reply, (child,) = through(stage, one, stream())
    assert b"x-penstock-stream" not in dict(reply.headers)
    body = reply.body
    assert not isinstance(body, bytes)
    plain: list[bytes] = []

    class Sink:
        def push(self, frame: bytes) -> None:
            plain.append(frame)

        def end(self, error: Fail | None) -> None:
            child.tokens_out = 5
            one.finish("ok", 9.0)

    source: Source = body
    source.start(Sink())
    assert plain == events(1, 2)
    assert (child.outcome, one.tokens_out, streams.refused) == ("ok", 5, 1)


def test_a_stream_that_waited_before_it_was_kept_has_still_waited() -> None:
    stage, _ = room()
    one = call()
    one.queued, one.place = 1.5, 4
    _, (child,) = through(stage, one, stream())
    assert (child.queued, child.place) == (1.5, 4)
    assert (one.queued, one.place) == (1.5, 4)
