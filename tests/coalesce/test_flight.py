"""The life of a flight: who joins, who leaves, and how it ends."""

import asyncio
from typing import Any

import pytest

from penstock.core.errors import GatewayError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from tests.support.fibers import turns
from tests.support.flights import EVENTS, JSON, Hall, asking, in_hall
from tests.support.scripted import Puppet

CUT = UpstreamError("cut", phase="body")


def events(first: int, last: int) -> list[bytes]:
    return [b"data: %d\n\n" % number for number in range(first, last + 1)]


def streaming(act: Any, *frames: bytes, **settings: Any) -> Hall:
    """``await act(hall, puppet)`` where all calls meet one stream."""
    puppet = Puppet(frames)
    return in_hall(lambda hall: act(hall, puppet), lambda exchange: Reply(200, EVENTS, puppet, events=True), **settings)


def test_a_lone_caller_gets_the_frames_as_they_come() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        caller = hall.ask(stream=True)
        frames = events(1, 3)
        for frame in frames:
            puppet.push(frame)
        puppet.end()
        assert all(got is frame for got, frame in zip(caller.frames, frames, strict=True))
        assert caller.ends == [None]
        assert puppet.calls == ["start"]

    streaming(act)


def test_a_late_joiner_gets_what_has_passed_and_then_the_rest_live() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        first = hall.ask(stream=True)
        for frame in events(1, 3):
            puppet.push(frame)
        late = hall.ask(stream=True)
        assert late.frames == [b"".join(events(1, 3))]
        puppet.push(b"data: 4\n\n")
        assert (late.frames[-1], first.frames[-1]) == (b"data: 4\n\n", b"data: 4\n\n")
        puppet.end()
        assert first.got == late.got == b"".join(events(1, 4))
        assert (late.cached, len(hall.below)) == ("coalesced", 1)

    streaming(act)


def test_the_end_mid_stream_is_everybodys() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        callers = [hall.ask(stream=True) for _ in range(3)]
        puppet.push(b"data: 1\n\n")
        puppet.end(CUT)
        assert [caller.ends for caller in callers] == [[CUT]] * 3
        assert hall.ask(stream=True).cached == ""
        puppet.end()

    streaming(act)


def test_the_flight_goes_on_without_its_leader() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        leader, other = hall.ask(stream=True), hall.ask(stream=True)
        puppet.push(b"data: 1\n\n")
        leader.leave()
        hall.below[0].tokens_out = 7
        puppet.push(b"data: 2\n\n")
        late = hall.ask(stream=True)
        puppet.end()
        assert leader.got == b"data: 1\n\n"
        assert other.got == late.got == b"data: 1\n\ndata: 2\n\n"
        assert "cancel" not in puppet.calls
        assert (leader.exchange.tokens_out, other.exchange.tokens_out, late.exchange.tokens_out) == (0, 7, 0)

    streaming(act)


def test_it_ends_with_its_last_reader_at_once_who_bears_it() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        leader, other = hall.ask(stream=True), hall.ask(stream=True)
        puppet.push(b"data: 1\n\n")
        leader.leave()
        hall.below[0].tokens_out = 4
        assert "cancel" not in puppet.calls
        other.leave()
        assert puppet.calls[-1] == "cancel"
        assert hall.below[0].outcome == "left"
        assert (leader.exchange.tokens_out, other.exchange.tokens_out) == (0, 4)
        assert hall.ask(stream=True).cached == ""
        puppet.push(b"data: 1\n\n")
        puppet.end()

    hall = streaming(act)
    assert hall.counts.saved == 0


def test_where_the_last_readers_deadline_passed_the_upstream_is_blamed() -> None:
    late = GatewayError("too long", status=504, code="deadline")

    async def act(hall: Hall, puppet: Puppet) -> None:
        reader = hall.ask(stream=True)
        reader.exchange.error = late
        reader.leave()
        assert (hall.below[0].outcome, hall.below[0].error) == ("error", late)

    streaming(act)


@pytest.mark.parametrize("number", [1, 3])
def test_before_the_head_it_is_cancelled_with_the_last_one(number: int) -> None:
    cancelled: list[str] = []

    async def below(exchange: Exchange) -> Reply:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(exchange.id)
            raise
        raise AssertionError

    async def act(hall: Hall) -> None:
        callers = [hall.ask() for _ in range(number)]
        for caller in callers[:-1]:
            caller.leave()
        await turns(3)
        assert not cancelled
        callers[-1].leave()
        await turns(3)
        assert len(cancelled) == 1

    in_hall(act, below)


def test_an_answer_that_comes_although_it_was_cancelled_is_let_go() -> None:
    puppet = Puppet()

    async def below(exchange: Exchange) -> Reply:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return Reply(200, EVENTS, puppet, events=True)
        raise AssertionError

    async def act(hall: Hall) -> None:
        caller = hall.ask(stream=True)
        caller.leave()
        await turns(3)
        assert puppet.calls == ["cancel"]
        assert caller.reply is None

    in_hall(act, below)


def test_one_who_leaves_between_reply_and_start_is_not_waited_for() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        first = hall.ask(stream=True)
        again = hall.ask(stream=True)
        again.exchange.finish("left", 3.0)  # its connection went, and nobody cancels what it did not start
        puppet.push(b"data: 1\n\n")
        puppet.end()
        assert first.got == b"data: 1\n\n"
        assert not again.frames

    streaming(act)


def test_a_later_deadline_prolongs_the_flight() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        hall.ask(stream=True)
        for deadline in (80.0, 70.0):
            later = asking(stream=True)
            later.deadline = deadline
            hall.ask(later)
        assert hall.below[0].deadline == 80.0
        puppet.end()

    streaming(act)


def test_bodies_that_are_no_events_are_shared_as_they_come() -> None:
    puppet = Puppet()

    def below(exchange: Exchange) -> Reply:
        reply = Reply(200, JSON, puppet)
        reply.length = 6
        return reply

    async def act(hall: Hall) -> None:
        first = hall.ask(seed=1)
        second = hall.ask(seed=1)
        puppet.push(b"abc")
        third = hall.ask(seed=1)
        puppet.push(b"def")
        puppet.end()
        for caller in (first, second, third):
            assert caller.reply is not None
            assert (caller.got, caller.reply.length, caller.reply.events) == (b"abcdef", 6, False)

    in_hall(act, below)


def test_taps_below_see_what_flows_once() -> None:
    puppet, seen = Puppet(), []

    def below(exchange: Exchange) -> Reply:
        reply = Reply(200, EVENTS, puppet, events=True)
        reply.taps.append(seen.append)
        return reply

    async def act(hall: Hall) -> None:
        callers = [hall.ask(stream=True) for _ in range(3)]
        puppet.push(b"data: 1\n\n")
        puppet.end()
        assert [caller.got for caller in callers] == [b"data: 1\n\n"] * 3
        assert seen == [b"data: 1\n\n"]

    in_hall(act, below)


def test_a_source_that_gives_all_at_once_reaches_all() -> None:
    class Rush:
        """All frames inside start, as far as it is not held."""

        def __init__(self) -> None:
            self.frames = [b"data: " + b"x" * 1000 + b"\n\n"] * 200
            self.held = False
            self.sink: Any = None

        def start(self, sink: Any) -> None:
            self.sink = sink
            self.run()

        def pause(self) -> None:
            self.held = True

        def resume(self) -> None:
            if self.held:
                self.held = False
                self.run()

        def cancel(self, reason: str) -> None: ...

        def run(self) -> None:
            while self.frames and not self.held:
                self.sink.push(self.frames.pop())
            if not self.frames and not self.held:
                self.sink.end(None)

    landed: asyncio.Future[Reply]

    async def act(hall: Hall) -> None:
        nonlocal landed
        landed = asyncio.get_running_loop().create_future()
        callers = [hall.ask(stream=True) for _ in range(200)]
        landed.set_result(Reply(200, EVENTS, Rush(), events=True))
        await turns(60)
        assert {len(caller.got) for caller in callers} == {200 * 1008}
        assert {tuple(caller.ends) for caller in callers} == {(None,)}
        assert hall.account.peak < 100_000

    hall = in_hall(act, lambda exchange: landed, buffer=64 * 1024)
    assert (hall.counts.cut, hall.counts.detached) == (0, 0)


def test_it_says_how_it_is() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        hall.ask(stream=True)
        (flight,) = hall.stage._flights.values()
        assert repr(flight) == ("<Flight req_key-1.flight1 flows <Readers 1, 1 ready, 0 wait> <Frames 0..0 0B>>")
        puppet.end()

    streaming(act)
