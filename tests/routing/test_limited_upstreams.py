"""The routing room where upstreams have only so many seats: waiting, falling back, being asked again, retrying."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from penstock.core.errors import CallerError, GatewayError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.priority import BATCH
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.stage import Routing
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target
from tests.support.chairs import Chairs, Porter, entry, limited
from tests.support.fibers import fiber, turns
from tests.support.targets import exchange, target


def room(those: Sequence[Target], porter: Porter, *more: Entry, fallbacks: Sequence[str] = ()) -> Routing:
    return Routing(Table([entry(those, fallbacks=fallbacks), *more]), those, now=lambda: 1.0, hall=porter)


async def nothing_below(exchange: Exchange) -> Reply:
    raise AssertionError


def send(routing: Callable[[], Routing], one: Exchange) -> Reply:
    async def enter() -> Reply:
        answer: Awaitable[Reply] = routing()(one, nothing_below)
        return await answer

    return run(enter())


def test_a_call_sits_down_where_it_is_sent_and_gives_the_seat_back() -> None:
    chairs = Chairs(1)
    one = exchange("m")
    reply = send(lambda: room([limited("a", chairs)], Porter()), one)
    assert (reply.body, chairs.taken) == (b"a", 1)
    one.finish("ok", 1.0)
    assert (chairs.taken, chairs.outcomes) == (0, ["ok"])


def test_a_call_waits_for_its_upstream_and_is_sent_then() -> None:
    chairs = Chairs(1, 1)
    porter = Porter(chairs)

    def give() -> None:
        chairs.taken = 0  # the hall has kept the seat for it

    porter.before = give
    assert send(lambda: room([limited("a", chairs)], porter), exchange("m")).body == b"a"
    assert chairs.taken == 1


def test_who_may_not_wait_goes_to_a_fallback_and_is_told_where_there_is_none() -> None:
    late = GatewayError("too late", code="queue_late", phase="queue", retry_after=7.0)
    full = limited("a", Chairs(1, 1))
    one = exchange("m")
    reply = send(lambda: room([full], Porter(late), entry([target("z")], "mini"), fallbacks=["mini"]), one)
    assert (reply.body, one.answered_as) == (b"z", "mini")
    assert one.attempts == 1
    with pytest.raises(GatewayError) as caught:
        send(lambda: room([full], Porter(late)), exchange("m"))
    assert (caught.value.code, caught.value.retry_after) == ("queue_late", 7.0)


def test_a_caller_over_its_share_is_not_sent_elsewhere() -> None:
    share = CallerError("too many", status=429, code="queue_share", retryable=True, phase="queue")
    full = limited("a", Chairs(1, 1))
    with pytest.raises(CallerError):
        send(lambda: room([full], Porter(share), entry([target("z")], "mini"), fallbacks=["mini"]), exchange("m"))


class Silent:
    """A provider that answers when told."""

    def __init__(self) -> None:
        self.calls: list[asyncio.Future[Reply]] = []

    def serves(self, call: Any) -> bool:
        return True

    async def send(self, exchange: Exchange, model: str) -> Reply:
        self.calls.append(asyncio.get_running_loop().create_future())
        return await self.calls[-1]

    async def aclose(self) -> None: ...


def test_a_call_whose_seat_is_taken_is_asked_again_from_the_front() -> None:
    async def act() -> None:
        chairs = Chairs(1)
        provider = Silent()
        one = Target("a", provider)
        one.seats = chairs
        porter = Porter(chairs)
        call = exchange("m")
        call.priority, call.call.body = BATCH, b'{"model":"m"}'
        answers: list[Reply] = []

        async def serve() -> None:
            answers.append(await room([one], porter)(call, nothing_below))

        fiber(serve())
        assert len(provider.calls) == 1
        porter.stops[0]()
        chairs.taken = 1  # the better call sits there
        porter.before = lambda: setattr(chairs, "taken", 0)  # and has ended
        await turns(4)
        assert porter.fronts == [True]
        assert provider.calls[0].cancelled()
        assert len(provider.calls) == 2
        provider.calls[1].set_result(Reply(200, [], b"at last"))
        await turns(4)
        assert [reply.body for reply in answers] == [b"at last"]
        assert (call.attempts, chairs.taken, one.in_flight) == (2, 1, 1)
        call.finish("ok", 2.0)
        assert (chairs.taken, one.in_flight) == (0, 0)

    run(act())


def test_a_retry_tells_how_the_first_attempt_went() -> None:
    class Refuses(Silent):
        async def send(self, exchange: Exchange, model: str) -> Reply:
            raise UpstreamError("no", status=503, phase="connect")

    first, second = Chairs(1), Chairs(1)
    bad, good = Target("a", Refuses()), limited("b", second)
    bad.seats = first
    one = exchange("m")
    made = Table([entry([bad, good])])
    reply = send(lambda: Routing(made, [bad, good], retries=2, now=lambda: 1.0, hall=Porter()), one)
    assert reply.body == b"b"
    assert (first.taken, first.outcomes, second.taken) == (0, ["error"], 1)
