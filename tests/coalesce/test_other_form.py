"""One answer for those who want it as a stream and those who want it whole."""

import asyncio
import json
from typing import Any

import pytest

from penstock.coalesce.counts import Counts
from penstock.coalesce.hold import Hold
from penstock.coalesce.other_form import OtherForm
from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.memory.ledger import BoundedAccount
from penstock.wire import anthropic_messages, openai_chat, openai_completions
from penstock.wire.counts import Usage
from tests.support.flights import EVENTS, JSON, Hall, in_hall
from tests.support.scripted import Puppet

USAGE = Usage(prompt_tokens=3, completion_tokens=2)


def stream_of(operation: str) -> list[bytes]:
    if operation == "messages":
        return list(anthropic_messages.stream("msg_1", "m", ["a ", "b"], USAGE))
    if operation == "completions":
        return list(openai_completions.stream("c", "m", 7, ["a ", "b"], USAGE))
    return list(openai_chat.stream("c", "m", 7, ["a ", "b"], USAGE))


def whole_of(operation: str) -> bytes:
    if operation == "messages":
        return anthropic_messages.message("msg_1", "m", "a b", USAGE)
    if operation == "completions":
        return openai_completions.completion("c", "m", 7, "a b", USAGE)
    return openai_chat.completion("c", "m", 7, "a b", USAGE)


def text_of(body: bytes) -> str:
    told = json.loads(body)
    if "content" in told:
        return str(told["content"][0]["text"])
    (choice,) = told["choices"]
    return str(choice["text"] if "text" in choice else choice["message"]["content"])


OPERATIONS = ["chat", "completions", "messages"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_whole_of_a_stream(operation: str) -> None:
    puppet = Puppet()

    async def act(hall: Hall) -> None:
        leader = hall.ask(operation=operation, stream=True)
        early = hall.ask(operation=operation)
        frames = stream_of(operation)
        for frame in frames[:3]:
            puppet.push(frame)
        late = hall.ask(operation=operation)
        for frame in frames[3:]:
            puppet.push(frame)
        assert early.reply is None
        puppet.end()
        await hall.settled()
        assert early.got == late.got
        assert text_of(early.got) == "a b"
        told = json.loads(early.got)["usage"]
        assert told.get("prompt_tokens", told.get("input_tokens")) == 3
        assert early.reply is not None
        assert early.reply.headers == JSON
        assert leader.ends == [None]
        assert (b"usage" in leader.got) is (operation == "messages")
        assert len(hall.below) == 1

    in_hall(act, lambda exchange: Reply(200, EVENTS, puppet, events=True))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("live", [False, True])
def test_the_stream_of_what_came_whole(operation: str, live: bool) -> None:
    landed: asyncio.Future[Reply]
    body = whole_of(operation)

    async def act(hall: Hall) -> None:
        nonlocal landed
        landed = asyncio.get_running_loop().create_future()
        leader = hall.ask(operation=operation)
        plain = hall.ask(operation=operation, stream=True)
        asks = {"stream_options": {"include_usage": True}} if operation != "messages" else {}
        counted = hall.ask(operation=operation, stream=True, **asks)
        puppet = Puppet()
        landed.set_result(Reply(200, list(JSON), puppet if live else body))
        await hall.settled()
        if live:
            puppet.push(body[:9])
            puppet.push(body[9:])
            puppet.end()
            await hall.settled()
        assert leader.got == body
        for caller in (plain, counted):
            assert caller.reply is not None
            assert caller.reply.events
            assert caller.reply.headers == [(b"content-type", b"text/event-stream; charset=utf-8")]
            assert caller.ends == [None]
            assert b"a b" in caller.got
        assert (b'"usage"' in plain.got) is (operation == "messages")
        assert b'"usage"' in counted.got
        assert len(hall.below) == 1

    in_hall(act, lambda exchange: landed)


def test_each_streaming_caller_gets_usage_as_it_asked() -> None:
    puppet = Puppet()

    async def act(hall: Hall) -> None:
        without = hall.ask(stream=True)
        with_usage = hall.ask(stream=True, stream_options={"include_usage": True})
        for frame in stream_of("chat"):
            puppet.push(frame)
        late = hall.ask(stream=True)
        puppet.end()
        assert b'"usage"' in with_usage.got
        assert b'"usage"' not in without.got
        assert without.got == late.got
        assert hall.below[0].usage_passes

    in_hall(act, lambda exchange: Reply(200, EVENTS, puppet, events=True))


def test_what_cannot_be_told_the_other_way_is_asked_for_once_more_for_all() -> None:
    puppet = Puppet()

    def below(exchange: Exchange) -> Any:
        if exchange.call.stream:
            return Reply(200, EVENTS, puppet, events=True)
        return answer

    answer: asyncio.Future[Reply]

    async def act(hall: Hall) -> None:
        nonlocal answer
        answer = asyncio.get_running_loop().create_future()
        leader = hall.ask(stream=True)
        others = [hall.ask() for _ in range(3)]
        puppet.push(b"data: {not json\n\n")
        puppet.end()
        await hall.settled()
        assert [one.call.stream for one in hall.below] == [True, False]
        assert [one.cached for one in others] == ["", "coalesced", "coalesced"]
        answer.set_result(Reply(200, JSON, b"{}"))
        await hall.settled()
        assert {one.got for one in others} == {b"{}"}
        assert leader.ends == [None]

    in_hall(act, below)


def test_an_error_mid_stream_is_an_error_for_those_who_wait() -> None:
    puppet = Puppet()

    async def act(hall: Hall) -> None:
        hall.ask(stream=True)
        other = hall.ask()
        puppet.push(stream_of("chat")[0])
        puppet.end(UpstreamError("cut", code="upstream_malformed"))
        await hall.settled()
        assert other.fail is not None
        assert other.fail.message == "cut"
        assert len(hall.below) == 1

    in_hall(act, lambda exchange: Reply(200, EVENTS, puppet, events=True))


def test_those_who_wait_never_pause_and_leaving_forgets_what_was_gathered() -> None:
    puppet = Puppet()

    async def act(hall: Hall) -> None:
        leader, other = hall.ask(stream=True), hall.ask()
        leader.pause()
        assert "pause" not in puppet.calls
        puppet.push(stream_of("chat")[0])
        held = hall.account.held
        other.leave()
        assert hall.account.held < held
        assert puppet.calls[-1] == "pause"
        leader.leave()

    in_hall(act, lambda exchange: Reply(200, EVENTS, puppet, events=True))


def test_an_error_or_a_stream_nobody_asked_for_is_given_as_it_is() -> None:
    replies = iter([Reply(200, JSON, b"{}"), Reply(429, JSON, b"busy")])
    landed: asyncio.Future[None]

    async def below(exchange: Exchange) -> Reply:
        await landed
        return next(replies)

    async def act(hall: Hall) -> None:
        nonlocal landed
        for body in (b"{}", b"busy"):
            landed = asyncio.get_running_loop().create_future()
            callers = [hall.ask(stream=True), hall.ask()]
            landed.set_result(None)
            await hall.settled()
            assert [one.got for one in callers] == [body] * 2

    in_hall(act, below)


def test_who_is_left_alone_before_the_head_still_gets_what_it_asked_for() -> None:
    landed: asyncio.Future[Reply]

    async def act(hall: Hall) -> None:
        nonlocal landed
        landed = asyncio.get_running_loop().create_future()
        leader, other = hall.ask(stream=True), hall.ask()
        leader.leave()
        puppet = Puppet(stream_of("chat"))
        landed.set_result(Reply(200, EVENTS, puppet, events=True))
        await hall.settled()
        puppet.end()
        await hall.settled()
        assert text_of(other.got) == "a b"

    in_hall(act, lambda exchange: landed)


def test_what_has_no_room_is_an_error_of_ours() -> None:
    hold = Hold(BoundedAccount("buffers", 100), Counts(), 1000)
    other = OtherForm(Reply(200, EVENTS, b"", events=True), "chat", hold)
    for frame in stream_of("chat"):
        other.take(frame)
    other.end(None)
    with pytest.raises(Exception, match=r"coalesce\.total") as refused:
        other.reply(usage_wanted=True)
    assert getattr(refused.value, "status", 0) == 503
    other.drop()
    assert hold.size == 0
