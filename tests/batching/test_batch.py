"""The life of a batch: who leaves, how it fails, what is told."""

import asyncio
import json

import pytest

from penstock.core.errors import GatewayError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from tests.support.batches import JSON, Hall, answer_to, in_hall
from tests.support.fibers import until
from tests.support.list_upstream import POISON, refused, vector


def test_who_leaves_before_it_goes_is_not_in_it() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask(text) for text in ("a", "b", "c")]
        assert hall.counts.waiting == 3
        ones[1].leave()
        assert hall.counts.waiting == 2
        hall.let_go()
        await hall.gather(lead, ones[0], ones[2])
        assert json.loads(hall.below[1].call.body)["input"] == ["a", "c"]
        assert ones[2].told["data"][0]["embedding"] == vector("c")

    in_hall(act)


def test_where_all_leave_before_it_goes_nothing_goes() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        for one in [hall.ask("a"), hall.ask("b")]:
            one.leave()
        assert hall.counts.waiting == 0
        hall.let_go()
        await hall.gather(lead)
        assert len(hall.below) == 1

    in_hall(act)


def test_who_leaves_later_is_forgotten_and_the_others_get_theirs() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask(text) for text in ("a", "b", "c")]
        hall.let_go(holds=True)
        await until(lambda: len(hall.below) == 2)
        ones[0].leave()
        hall.let_go()
        await hall.gather(lead, *ones[1:])
        assert [one.told["data"][0]["embedding"] for one in ones[1:]] == [vector("b"), vector("c")]
        assert hall.below[1].outcome == "ok"

    in_hall(act)


@pytest.mark.parametrize("late", [None, GatewayError("too long", status=504, code="deadline")])
def test_where_all_leave_the_call_is_cancelled(late: GatewayError | None) -> None:
    ended: list[str] = []

    async def script(exchange: Exchange) -> Reply:
        if exchange.id.endswith("batch1"):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise
        return answer_to(exchange)

    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask("a"), hall.ask("b")]
        hall.let_go()
        await hall.gather(lead)
        await until(lambda: len(hall.below) == 2)
        ones[1].exchange.error = late
        for one in ones:
            one.leave()
        await until(lambda: bool(ended))
        assert (hall.below[1].outcome, hall.below[1].error) == ("left" if late is None else "error", late)

    assert in_hall(act, script).counts.batches == {("embeddings", "left"): 1}


def test_a_busy_upstream_is_told_to_all_in_our_words_and_nothing_is_split() -> None:
    def script(exchange: Exchange) -> Reply:
        if exchange.id.endswith("batch1"):
            return Reply(429, [*JSON, (b"retry-after", b"7")], refused(429, "slow down, alpha beta").body)
        return answer_to(exchange)

    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask("alpha"), hall.ask("beta")]
        hall.let_go()
        await hall.gather(lead, *ones)
        assert len(hall.below) == 2
        for one in ones:
            assert isinstance(one.fail, UpstreamError)
            assert (one.fail.status, one.fail.retry_after, one.fail.retryable) == (429, 7.0, True)
            assert "alpha" not in one.fail.message
            assert "beta" not in one.fail.message
            assert one.fail.message == "upstream 'up' answered 429 to a call of 2 callers together"
        assert ones[0].fail is not ones[1].fail

    assert in_hall(act, script).counts.batches == {("embeddings", "failed"): 1}


@pytest.mark.parametrize(
    ("fail", "kept"),
    [
        (UpstreamError("refused the connection", phase="connect", upstream="up"), True),
        (UpstreamError("it said: alpha beta", phase="body", upstream="up"), False),
        (GatewayError("the queue is full", retry_after=2), True),
    ],
)
def test_what_is_raised_is_told_to_all(fail: GatewayError, kept: bool) -> None:
    async def script(exchange: Exchange) -> Reply:
        if exchange.id.endswith("batch1"):
            exchange.note_failure("reset", "up")
            raise fail
        return answer_to(exchange)

    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask("alpha"), hall.ask("beta")]
        hall.let_go()
        await hall.gather(lead, *ones)
        assert len(hall.below) == 2
        for one in ones:
            assert one.fail is not None
            assert type(one.fail) is type(fail)
            assert one.fail is not fail
            assert one.fail.retry_after == fail.retry_after
            assert (one.fail.message == fail.message) is kept
        assert [one.exchange.failures for one in ones] == [[("reset", "up")], None]  # borne once

    in_hall(act, script)


def test_an_error_inside_an_answer_is_split() -> None:
    async def script(exchange: Exchange) -> Reply:
        if POISON in exchange.call.body.decode():
            raise UpstreamError(f"no: {exchange.call.body!r}", code="upstream_error_event", phase="body")
        return answer_to(exchange)

    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask("a"), hall.ask("b"), hall.ask(POISON), hall.ask("d")]
        hall.let_go()
        await hall.gather(lead, *ones)
        assert ones[2].fail is not None
        assert '"b"' not in ones[2].fail.message
        for one, text in ((ones[0], "a"), (ones[1], "b"), (ones[3], "d")):
            assert one.told["data"][0]["embedding"] == vector(text)

    in_hall(act, script)


def test_a_defect_is_logged_once_and_told_as_such() -> None:
    def script(exchange: Exchange) -> Reply:
        if exchange.id.endswith("batch1"):
            raise ZeroDivisionError
        return answer_to(exchange)

    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask("a"), hall.ask("b")]
        hall.let_go()
        await hall.gather(lead, *ones)
        assert [one.fail.status for one in ones if one.fail is not None] == [500, 500]

    in_hall(act, script, defects=1)


def test_an_answer_that_does_not_fit_the_account_is_refused() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask("a"), hall.ask("b")]
        hall.let_go()
        await hall.gather(lead, *ones)
        assert [one.fail.code for one in ones if one.fail is not None] == ["gateway_overloaded"] * 2

    in_hall(act, room=100)


def test_those_with_the_nearest_deadlines_stand_first() -> None:
    async def act(hall: Hall) -> None:
        lead = hall.ask("lead")
        ones = [hall.ask("a"), hall.ask("b")]
        ones[1].exchange.deadline -= 10
        hall.let_go()
        await hall.gather(lead, *ones)
        merged = hall.below[1]
        assert json.loads(merged.call.body)["input"] == ["b", "a"]
        assert merged.deadline == ones[0].exchange.deadline
        assert [one.told["data"][0]["embedding"] for one in ones] == [vector("a"), vector("b")]

    in_hall(act)
