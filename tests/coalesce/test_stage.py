"""Who shares a flight with whom, and what each caller is told."""

import asyncio
from typing import Any

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.wire.asked import Asked
from tests.support.flights import EVENTS, JSON, Hall, asking, in_hall
from tests.support.scripted import Puppet


class Held:
    """Rooms below that answer when told."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[Reply]] = []

    async def __call__(self, exchange: Exchange) -> Reply:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        return await future

    def answer(self, body: bytes = b"{}", status: int = 200) -> None:
        for future in self.waiting:
            if not future.done():
                future.set_result(Reply(status, list(JSON), body))


def calls_for(first: Exchange, second: Exchange, **settings: Any) -> int:
    """Calls that reach the rooms below when both are in flight."""
    held = Held()
    made: list[int] = []

    async def act(hall: Hall) -> None:
        hall.ask(first)
        hall.ask(second)
        made.append(len(hall.below))
        held.answer()
        await hall.settled()

    in_hall(act, held, **settings)
    return made[0]


@pytest.mark.parametrize("operation", ["chat", "completions", "messages", "responses", "embeddings"])
def test_equal_calls_are_one(operation: str) -> None:
    assert calls_for(asking(operation), asking(operation)) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (asking(), asking(user="somebody", metadata={"a": "b"})),
        (asking(), asking(stream=False)),
        (asking(stream=True), asking(stream=True, stream_options={"include_usage": True})),
        (asking(), asking(headers=[(b"user-agent", b"another"), (b"x-request-id", b"1")])),
        (asking(headers=[(b"x-penstock-cache", b"refresh")]), asking(headers=[(b"x-penstock-cache", b"Refresh")])),
    ],
)
def test_what_says_only_how_or_to_whom_makes_no_difference(first: Exchange, second: Exchange) -> None:
    assert calls_for(first, second) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (asking(key="key-1"), asking(key="key-2")),
        (asking(), asking(seed=1)),
        (asking(), asking("completions")),
        (asking(), asking(headers=[(b"openai-beta", b"x")])),
        (asking("messages"), asking("messages", headers=[(b"anthropic-beta", b"x")])),
        (asking(), asking(headers=[(b"x-penstock-cache", b"refresh")])),
        (asking("responses", stream=True), asking("responses")),
        (asking(stream=True, modalities=["audio"]), asking(modalities=["audio"])),
    ],
)
def test_what_may_shape_the_answer_does(first: Exchange, second: Exchange) -> None:
    assert calls_for(first, second) == 2


def test_the_scope_is_the_fence_whatever_the_key() -> None:
    first, second = asking(key="a"), asking(key="b")
    first.scope = second.scope = "team"
    assert calls_for(first, second) == 1


@pytest.mark.parametrize(
    ("fields", "settings", "calls"),
    [
        ({"temperature": None}, {}, 2),
        ({"temperature": 0.1}, {}, 2),
        ({"temperature": 0.1}, {"calls": "all"}, 1),
        ({}, {"calls": "off"}, 2),
        ({"temperature": 1}, {"models": {"m": "all"}}, 1),
        ({"temperature": 1}, {"models": {"*": "all"}}, 1),
        ({}, {"models": {"m*": "all", "m": "off"}}, 2),
        ({}, {"models": {"other": "off"}}, 1),
        ({"store": True}, {}, 2),
        ({"store": True}, {"effects": True}, 1),
        ({"store": True, "temperature": 1}, {"calls": "all"}, 2),
    ],
)
def test_which_calls_may(fields: dict[str, Any], settings: dict[str, Any], calls: int) -> None:
    assert calls_for(asking(**fields), asking(**fields), **settings) == calls


def test_bypass_shares_with_nobody() -> None:
    fields = [(b"x-penstock-cache", b"bypass")]
    assert calls_for(asking(headers=fields), asking(headers=fields)) == 2
    assert calls_for(asking(), asking(headers=fields)) == 2


def test_what_a_room_above_found_out_is_believed() -> None:
    never = asking()
    never.asked = False
    assert calls_for(never, asking()) == 2
    first, second = asking(), asking(seed=7)
    second.asked = first.asked = Asked(b"16 bytes of it ..", {}, True, False, False)
    assert calls_for(first, second) == 1


def test_those_who_join_are_told_so_and_each_has_its_own_reply() -> None:
    held = Held()

    async def act(hall: Hall) -> None:
        callers = [hall.ask(key="k") for _ in range(3)]
        held.answer(b'{"a":1}')
        await hall.settled()
        replies = [caller.reply for caller in callers]
        assert [caller.cached for caller in callers] == ["", "coalesced", "coalesced"]
        assert len({id(reply) for reply in replies}) == 3
        assert {caller.got for caller in callers} == {b'{"a":1}'}
        assert {(one.exchange.upstream, one.exchange.model, one.exchange.attempts) for one in callers} == {
            ("up", "m", 1)
        }

    hall = in_hall(act, held)
    assert (hall.counts.led, hall.counts.joined, hall.counts.saved) == (1, 2, 2)


def test_waiting_for_the_flight_is_no_work_of_ours() -> None:
    held = Held()

    async def act(hall: Hall) -> None:
        hall.ask()
        hall.clock = 2.0
        joined = hall.ask()
        hall.clock = 5.0
        held.answer()
        await hall.settled()
        assert joined.exchange.waited == 3.0

    in_hall(act, held)


def test_one_who_leaves_before_the_head_is_counted_where_it_waited() -> None:
    async def act(hall: Hall) -> None:
        leader, other = hall.ask(), hall.ask()
        for caller in (leader, other):
            caller.leave()
            assert (caller.exchange.upstream, caller.exchange.model) == ("up", "m")

    in_hall(act, Held())


def test_an_answer_that_is_here_is_no_flight_any_more() -> None:
    async def act(hall: Hall) -> None:
        assert [hall.ask().cached for _ in range(3)] == ["", "", ""]
        assert len(hall.below) == 3

    in_hall(act, lambda exchange: Reply(200, JSON, b"{}"))


def test_a_full_room_lets_calls_go_alone() -> None:
    held = Held()

    async def act(hall: Hall) -> None:
        for number in range(3):
            hall.ask(seed=number)
        assert [one.id for one in hall.below if "flight" not in one.id] == ["req_key-1"]
        held.answer()
        await hall.settled()

    hall = in_hall(act, held, flights=2)
    assert hall.counts.alone["flights"] == 1


def test_so_does_a_full_flight() -> None:
    held = Held()

    async def act(hall: Hall) -> None:
        callers = [hall.ask() for _ in range(4)]
        assert len(hall.below) == 3
        held.answer()
        await hall.settled()
        assert [caller.cached for caller in callers] == ["", "coalesced", "", ""]

    hall = in_hall(act, held, readers=2)
    assert hall.counts.alone["readers"] == 2


def test_and_a_flight_whose_bytes_have_no_room() -> None:
    held = Held()

    async def act(hall: Hall) -> None:
        hall.ask()
        assert hall.ask().cached == ""
        held.answer()
        await hall.settled()

    hall = in_hall(act, held, room=10)
    assert hall.counts.alone["memory"] == 1
    assert len(hall.below) == 2


def test_a_reload_begins_anew_and_old_flights_go_on() -> None:
    puppet = Puppet()

    async def act(hall: Hall) -> None:
        old = hall.ask(stream=True)
        puppet.push(b"data: 1\n\n")
        hall.reload()
        assert hall.ask(stream=True).cached == ""
        puppet.push(b"data: 2\n\n")
        puppet.end()
        assert old.got == b"data: 1\n\ndata: 2\n\n"

    replies = iter([Reply(200, EVENTS, puppet, events=True), Reply(200, JSON, b"{}")])
    in_hall(act, lambda exchange: next(replies))


def test_all_are_told_the_same_failure_and_the_next_asks_again() -> None:
    failing: asyncio.Future[Reply]

    async def act(hall: Hall) -> None:
        nonlocal failing
        failing = asyncio.get_running_loop().create_future()
        callers = [hall.ask() for _ in range(3)]
        failing.set_exception(UpstreamError("down", status=503, code="x", retry_after=3))
        await hall.settled()
        fails = [caller.fail for caller in callers]
        assert [(fail.message, fail.status, fail.retry_after) for fail in fails if fail] == [("down", 503, 3)] * 3
        assert len({id(fail) for fail in fails}) == 3
        assert len(hall.below) == 1
        assert hall.ask().fail is not None
        assert len(hall.below) == 2

    hall = in_hall(act, lambda exchange: failing)
    assert (hall.counts.saved, hall.counts.saved_tokens) == (0, 0)


def test_an_error_that_the_upstream_answered_is_everybodys() -> None:
    held = Held()

    async def act(hall: Hall) -> None:
        callers = [hall.ask(), hall.ask(stream=True)]
        held.answer(b'{"error":{}}', status=400)
        await hall.settled()
        assert [(one.reply.status, one.got) for one in callers if one.reply] == [(400, b'{"error":{}}')] * 2

    in_hall(act, held)


def test_a_defect_below_is_told_to_each_as_one_and_logged_once() -> None:
    waiting: asyncio.Future[Reply]

    async def act(hall: Hall) -> None:
        nonlocal waiting
        waiting = asyncio.get_running_loop().create_future()
        callers = [hall.ask(), hall.ask()]
        waiting.set_exception(ZeroDivisionError())
        await hall.settled()
        assert [caller.fail.code for caller in callers if caller.fail] == ["internal_error"] * 2

    in_hall(act, lambda exchange: waiting, defects=1)


@pytest.mark.parametrize(("cost", "shares"), [("first_pays", [10, 0, 0]), ("split", [4, 3, 3])])
def test_what_it_used_is_borne_once(cost: str, shares: list[int]) -> None:
    held = Held()

    async def act(hall: Hall) -> None:
        callers = [hall.ask() for _ in range(3)]
        (flight,) = hall.below
        flight.tokens_out, flight.tokens_in = 10, 2
        flight.note_failure("cut", "up")
        held.answer()
        await hall.settled()
        assert [caller.exchange.tokens_out for caller in callers] == shares
        assert sum(caller.exchange.tokens_in for caller in callers) == 2
        assert [caller.exchange.failures for caller in callers] == [[("cut", "up")], None, None]

    hall = in_hall(act, held, cost=cost)
    assert hall.counts.saved_tokens == 24
