"""Readers that are slow, many, or both: nobody waits for another, and nothing grows."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.core.reply import Reply
from tests.coalesce.test_flight import events, streaming
from tests.support.fibers import turns
from tests.support.flights import EVENTS, Caller, Hall, in_hall
from tests.support.scripted import Puppet

KIB = b"data: " + b"x" * 1016 + b"\n\n"


def test_a_paused_reader_holds_nobody() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        slow, quick = hall.ask(stream=True), hall.ask(stream=True)
        slow.pause()
        for frame in events(1, 5):
            puppet.push(frame)
        assert puppet.calls == ["start"]
        assert (quick.got, slow.got) == (b"".join(events(1, 5)), b"")
        slow.resume()
        assert slow.frames == [b"".join(events(1, 5))]
        puppet.end()

    streaming(act)


def test_while_all_pause_the_upstream_does() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        one, two = hall.ask(stream=True), hall.ask(stream=True)
        one.pause()
        two.pause()
        assert puppet.calls == ["start", "pause"]
        one.resume()
        assert puppet.calls[-1] == "resume"
        one.leave()
        assert puppet.calls[-1] == "pause"
        two.resume()
        assert puppet.calls[-1] == "resume"
        puppet.end()

    streaming(act)


def test_a_lone_reader_holds_its_upstream_as_without_us() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        caller = hall.ask(stream=True, full=True)
        assert puppet.calls == ["pause", "start"]
        caller.resume()
        caller.pause()
        assert puppet.calls == ["pause", "start", "resume", "pause"]
        caller.resume()
        puppet.push(b"data: 1\n\n")
        caller.pause()
        puppet.end()
        assert caller.ends == []
        caller.resume()
        assert caller.ends == [None]

    streaming(act)


def test_who_reads_slowly_still_gets_what_is_kept_after_the_end() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        slow, quick = hall.ask(stream=True), hall.ask(stream=True)
        slow.pause()
        for frame in events(1, 9):
            puppet.push(frame)
        puppet.end()
        assert quick.ends == [None]
        assert hall.counts.flights == 1
        slow.resume()
        assert (slow.got, slow.ends) == (quick.got, [None])

    streaming(act)


def test_one_that_is_too_far_behind_is_cut_and_the_others_go_on() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        slow, quick, late = hall.ask(stream=True), hall.ask(stream=True), hall.ask(stream=True)
        puppet.push(KIB)
        slow.pause()
        for _ in range(70):
            puppet.push(KIB)
            assert hall.account.held <= 80 * 1024
        assert [error.code for error in slow.ends if error] == ["slow_reader"]
        assert slow.frames == [KIB]
        puppet.end()
        assert quick.got == late.got == KIB * 71

    hall = streaming(act, buffer=64 * 1024)
    assert (hall.counts.cut, hall.counts.detached, hall.counts.outgrown) == (1, 0, 1)


def test_one_that_was_given_nothing_yet_gets_a_call_of_its_own() -> None:
    first, second = Puppet(), Puppet()
    puppets = iter([first, second])

    async def act(hall: Hall) -> None:
        quick, slow = hall.ask(stream=True), hall.ask(stream=True, full=True)
        for _ in range(70):
            first.push(KIB)
        assert slow.ends == []
        assert [one.id for one in hall.below] == ["req_key-1.flight1", "req_key-1.own1"]
        assert second.calls == ["pause", "start"]
        slow.resume()
        second.push(b"data: own\n\n")
        hall.below[1].tokens_out = 5
        second.end()
        first.end()
        assert (slow.got, slow.ends, slow.exchange.tokens_out) == (b"data: own\n\n", [None], 5)
        assert quick.got == KIB * 70

    hall = in_hall(act, lambda exchange: Reply(200, EVENTS, next(puppets), events=True), buffer=64 * 1024)
    assert (hall.counts.cut, hall.counts.detached) == (0, 1)


def test_unless_the_policy_says_cut() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        hall.ask(stream=True)
        slow = hall.ask(stream=True, full=True)
        for _ in range(70):
            puppet.push(KIB)
        assert [error.code for error in slow.ends if error] == ["slow_reader"]
        puppet.end()

    assert streaming(act, buffer=64 * 1024, slow="cut").counts.cut == 1


def test_a_long_answer_takes_no_late_readers_and_holds_nothing_for_a_lone_one() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        caller = hall.ask(stream=True)
        for _ in range(70):
            puppet.push(KIB)
        assert hall.account.held == 0
        assert hall.ask(stream=True).cached == ""
        assert len(hall.below) == 2
        puppet.end()
        assert len(caller.got) == 70 * 1024

    hall = in_hall_with_two(act)
    assert hall.counts.outgrown == 1


def in_hall_with_two(act: Any) -> Hall:
    """The second call meets an answer that is whole."""
    puppet = Puppet()
    replies = iter([Reply(200, EVENTS, puppet, events=True), Reply(400, EVENTS, b"{}")])
    return in_hall(lambda hall: act(hall, puppet), lambda exchange: next(replies), buffer=64 * 1024)


def test_all_flights_together_keep_no_more_than_their_total() -> None:
    puppets = [Puppet() for _ in range(4)]
    following = iter(puppets)

    async def act(hall: Hall) -> None:
        callers = [hall.ask(stream=True, seed=number) for number in range(4)]
        for _ in range(40):
            for puppet in puppets:
                puppet.push(KIB)
            assert hall.account.held <= 64 * 1024
        for puppet in puppets:
            puppet.end()
        assert {len(caller.got) for caller in callers} == {40 * 1024}

    in_hall(act, lambda exchange: Reply(200, EVENTS, next(following), events=True), total=64 * 1024)


def test_a_full_account_keeps_nothing_but_breaks_nothing() -> None:
    async def act(hall: Hall, puppet: Puppet) -> None:
        one, two = hall.ask(stream=True), hall.ask(stream=True)
        for frame in events(1, 50):
            puppet.push(frame)
        puppet.end()
        assert one.got == two.got == b"".join(events(1, 50))

    streaming(act, room=100)


def test_many_are_served_in_turns_that_let_others_run() -> None:
    landed: asyncio.Future[Reply]
    puppet = Puppet()

    async def act(hall: Hall) -> None:
        nonlocal landed
        landed = asyncio.get_running_loop().create_future()
        callers = [hall.ask(stream=True) for _ in range(1000)]
        landed.set_result(Reply(200, EVENTS, puppet, events=True))
        await turns(3)
        served = sum(caller.reply is not None for caller in callers)
        assert 0 < served < 1000
        await turns(40)
        assert all(caller.reply for caller in callers)
        for frame in events(1, 30):
            puppet.push(frame)  # faster than all can be served
        assert len(callers[-1].frames) < 30
        puppet.end()
        await turns(60)
        assert {caller.got for caller in callers} == {b"".join(events(1, 30))}
        assert {tuple(caller.ends) for caller in callers} == {(None,)}
        assert len(callers[-1].frames) < 30

    in_hall(act, lambda exchange: landed)


STEPS = st.lists(
    st.tuples(st.sampled_from(["push", "push", "push", "join", "pause", "resume", "leave", "turn"]), st.integers(0, 7)),
    max_size=60,
)


@settings(deadline=None, max_examples=150)
@given(STEPS, st.sampled_from([None, UpstreamError("cut")]), st.booleans(), st.sampled_from([16, 1000]))
def test_whatever_happens_each_gets_a_beginning_and_who_stays_gets_all(
    steps: list[tuple[str, int]], error: UpstreamError | None, split: bool, kib: int
) -> None:
    puppets: list[Puppet] = []
    callers: list[tuple[Caller, int]] = []
    left: set[Caller] = set()
    sent: list[list[bytes]] = []

    def below(exchange: Any) -> Reply:
        puppets.append(Puppet())
        sent.append([])
        return Reply(200, EVENTS, puppets[-1], events=True)

    async def act(hall: Hall) -> None:
        for act, number in [("join", 0), *steps]:
            those = [(one, flight) for one, flight in callers if one not in left and not one.ends]
            one = those[number % len(those)][0] if those else None
            if act == "join" or one is None:
                made = hall.ask(stream=True, full=number % 3 == 2)
                flight = len(puppets) - 1
                callers.append((made, flight))
            elif act == "push":
                for at, puppet in enumerate(puppets):
                    held = [call for call in puppet.calls if call in ("pause", "resume")][-1:]
                    if puppet.sink is not None and held != ["pause"]:
                        frame = b"data: %d %b\n\n" % (len(sent[at]), b"y" * (number * 700))
                        sent[at].append(frame)
                        puppet.push(frame)
            elif act == "pause" and not one.full:
                one.pause()
            elif act == "resume" and one.full:
                one.resume()
            elif act == "leave":
                left.add(one)
                one.leave()
            else:
                await turns(1)
        for one, _ in callers:
            if one.full and one not in left:
                one.resume()
        for exchange, puppet in zip(hall.below, puppets, strict=True):
            exchange.tokens_out = 7
            if puppet.sink is not None:
                puppet.end(error)
        await hall.settled()
        for one, flight in callers:
            if one in left or hall.counts.cut or hall.counts.detached:
                continue
            assert one.got == b"".join(sent[flight])
            assert one.ends == [error]
        if not hall.counts.detached:
            for one, flight in callers:
                assert b"".join(sent[flight]).startswith(one.got)
            borne = sum(one.exchange.tokens_out for one, _ in callers)
            assert borne <= 7 * len(puppets)
            if not left and not hall.counts.cut:
                assert borne == 7 * len(puppets)

    in_hall(act, below, buffer=kib * 1024, cost="split" if split else "first_pays")
