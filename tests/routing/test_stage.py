from collections.abc import Sequence
from typing import Any

import pytest

from penstock.core.call import Operation
from penstock.core.errors import CallerError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Whole
from penstock.process.loop import run
from penstock.routing.joint import Joint
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target
from tests.support.targets import Upstream, exchange, target

FILES = Operation("files", "openai", "/files", body="opaque", needs_model=False)


def routing(those: Sequence[Target], pattern: str = "m", upstream_model: str | None = None) -> Routing:
    entry = Entry(pattern, those, make_strategy("round_robin"), upstream_model)
    return Routing(Table([entry]), those)


async def no_room_below(exchange: Exchange) -> Reply:
    raise AssertionError


def send(room: Routing, one: Exchange) -> Reply:
    async def enter() -> Reply:
        return await room(one, no_room_below)

    return run(enter())


def upstream_of(one: Target) -> Upstream:
    provider: Any = one.provider
    assert isinstance(provider, Upstream)
    return provider


def test_it_asks_the_chosen_upstream_and_notes_who_that_was() -> None:
    those = [target("a"), target("b")]
    one = exchange("m")
    reply = send(routing(those, upstream_model="real"), one)
    assert reply.body == b"a"
    assert (one.model, one.upstream, one.upstream_model, one.attempts) == ("m", "a", "real", 1)
    assert upstream_of(those[0]).sent == ["real"]
    assert (those[0].in_flight, those[1].in_flight) == (1, 0)
    one.finish("ok", 1.0)
    assert those[0].in_flight == 0


def test_the_entry_that_served_is_noted_and_not_what_the_caller_wrote() -> None:
    one = exchange("fb-anything-the-caller-likes")
    send(routing([target("a")], "fb-*"), one)
    assert one.model == "fb-*"


def test_an_upstream_without_the_operation_is_passed_over() -> None:
    those = [target("a", serves=False), target("b")]
    room = routing(those)
    assert [send(room, exchange()).body for _ in range(4)] == [b"b"] * 4
    assert those[0].in_flight == 0


@pytest.mark.parametrize("operation", [None, FILES], ids=["with a model", "without"])
def test_when_none_has_the_operation_it_is_404(operation: Operation | None) -> None:
    one = exchange("m") if operation is None else exchange("", operation)
    with pytest.raises(CallerError) as caught:
        send(routing([target("a", serves=False)]), one)
    assert (caught.value.status, caught.value.code) == (404, "operation_not_offered")


def test_an_operation_without_a_model_goes_to_the_first_that_has_it() -> None:
    one = exchange("", FILES)
    assert send(routing([target("a", serves=False), target("b"), target("c")]), one).body == b"b"
    assert (one.upstream, one.model) == ("b", "")


def test_an_operation_that_may_name_a_model_follows_it() -> None:
    those = [target("a"), target("b")]
    room = Routing(Table([Entry("m", those[1:], make_strategy("adaptive"))]), those)
    assert send(room, exchange("m", FILES)).body == b"b"


def test_an_unknown_model_takes_no_seat() -> None:
    those = [target("a")]
    with pytest.raises(CallerError):
        send(routing(those), exchange("other"))
    assert those[0].in_flight == 0


def test_a_seat_is_given_back_after_an_upstream_that_failed() -> None:
    class Down(Upstream):
        async def send(self, exchange: Exchange, model: str) -> Reply:
            raise UpstreamError("down")

    one, down = exchange(), Target("down", Down("down"))
    with pytest.raises(UpstreamError):
        send(routing([down]), one)
    assert one.upstream == "down"
    one.finish("error", 1.0)
    assert down.in_flight == 0


@pytest.mark.interpreted
def test_the_time_to_the_first_token_is_not_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the head has taken of it the first event lacks."""
    clock, given = [10.0], list[float]()

    async def begin(joint: Joint, left: float, of: float, upstream: str) -> None:
        given.append(left)

    class Slow(Upstream):
        async def send(self, exchange: Exchange, model: str) -> Reply:
            clock[0] += 0.3
            return Reply(200, [], Whole(b"data: {}\n\n"), events=True)

    monkeypatch.setattr(Joint, "begin", begin)
    those = [Target("a", Slow("a"))]
    room = Routing(Table([Entry("m", those, make_strategy("adaptive"))]), those, first_token=0.5, now=lambda: clock[0])
    one = exchange()
    one.call.stream = True
    send(room, one)
    assert given == [pytest.approx(0.2)]
