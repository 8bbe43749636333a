from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from penstock.core.exchange import Exchange
from penstock.routing.ask import Ask
from penstock.routing.prefix import PrefixIndex
from penstock.routing.seats import LEAST_TOLD, Seat, leave_seat
from penstock.routing.sizes import BYTES_PER_TOKEN, OUTPUT_TOKENS, Sizes
from penstock.routing.targets import MOST_MODELS, Changes, Target
from tests.support.targets import Upstream, ask, exchange, targets


def test_a_seat_is_held_until_the_exchange_ends() -> None:
    (one,) = targets(1)
    call = exchange()
    one.take_seat(call, ask())
    assert (one.in_flight, one.served) == (1, 1)
    call.finish("left", 1.0)
    assert (one.in_flight, one.served) == (0, 1)


def test_moving_to_another_gives_the_first_seat_back() -> None:
    first, second = targets(1, 1)
    call = exchange()
    first.take_seat(call, ask())
    second.take_seat(call, ask())
    assert (first.in_flight, second.in_flight) == (0, 1)
    first.take_seat(call, ask())
    assert (first.in_flight, second.in_flight) == (1, 0)
    call.finish("ok", 1.0)
    call.finish("ok", 2.0)
    assert (first.in_flight, second.in_flight) == (0, 0)
    assert (first.served, second.served) == (2, 1)


def test_an_exchange_that_has_ended_already_keeps_no_seat() -> None:
    (one,) = targets(1)
    call = exchange()
    call.finish("left", 1.0)
    one.take_seat(call, ask(tokens=10.0))
    assert (one.in_flight, one.load.waiting, call.seat) == (0, 0.0, None)


def test_how_busy_it_is() -> None:
    one = Target("a", Upstream("a"), capacity=4)
    assert one.busy == 0.0
    one.in_flight = 3
    assert one.busy == 0.75
    one.in_flight = 9
    assert one.busy == 1.0


def test_draining_is_a_change_of_what_may_be_chosen() -> None:
    changes = Changes()
    one, other = (Target(name, Upstream(name), changes=changes) for name in "ab")
    one.drain()
    assert (one.draining, other.draining, changes.count) == (True, False, 1)
    one.drain(False)
    assert (one.draining, repr(changes)) == (False, "<Changes 2>")


def test_models_asked_are_remembered_up_to_a_bound() -> None:
    (one,) = targets(1)
    for number in range(10 * MOST_MODELS):
        call = exchange()
        call.upstream_model = f"m{number}"
        one.take_seat(call, ask(now=float(number)))
        assert one.models[f"m{number}"] == number
        assert len(one.models) <= MOST_MODELS


def test_only_a_call_that_ended_well_teaches_the_size_of_calls() -> None:
    (one,), sizes = targets(1), Sizes()
    for outcome in ("left", "error", "ok"):
        assert (sizes.per_token, sizes.output) == (BYTES_PER_TOKEN, OUTPUT_TOKENS)
        call, made = exchange(), ask()
        call.call.body, made.sizes = b"x" * 800, sizes
        one.take_seat(call, made)
        call.tokens_in, call.tokens_out = 400, 10
        call.finish(outcome, 1.0)
    assert sizes.per_token < BYTES_PER_TOKEN
    assert sizes.output < OUTPUT_TOKENS


# ---- what answers tell of the prefix cache


class Cached:
    """A target, and prompts of ``LEAST_TOLD`` tokens a block."""

    def __init__(self) -> None:
        self.index = PrefixIndex(1000)
        self.target = Target("a", Upstream("a"), prefixes=self.index)
        self.target.tells_cached = True

    def begin(self, now: float, *blocks: int) -> Exchange:
        made = ask(now=now)
        made.blocks, made.bounds, made.size = blocks, range(1, len(blocks) + 1), len(blocks)
        self.index.match(made)
        call = exchange()
        self.target.take_seat(call, made)
        return call

    def end(self, call: Exchange, cached: int) -> None:
        """``cached`` blocks of its prompt were."""
        assert isinstance(call.seat, Seat)
        call.tokens_in = LEAST_TOLD * len(call.seat.ask.blocks)
        call.tokens_cached = LEAST_TOLD * cached
        call.finish("ok", 100.0)

    def call(self, now: float, *blocks: int, cached: int = 0) -> None:
        self.end(self.begin(now, *blocks), cached)

    def has(self, *blocks: int) -> float:
        made = ask()
        made.blocks, made.bounds, made.size = blocks, range(1, len(blocks) + 1), len(blocks)
        self.index.match(made)
        return made.hits.get(self.target.slot, 0.0)


def test_a_prompt_that_was_cached_no_more_takes_what_is_as_old_with_it() -> None:
    one = Cached()
    for now, blocks in enumerate([(1, 2), (3, 4), (5, 6)]):
        one.call(now, *blocks)
    one.call(9.0, 3, 4)
    assert [one.has(1, 2), one.has(3, 4), one.has(5, 6)] == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(("cached", "left"), [(0, 0.0), (1, 1.0), (2, 1.0)])
def test_half_of_what_was_expected_is_near_enough(cached: int, left: float) -> None:
    one = Cached()
    one.call(0.0, 8, 9)
    one.call(1.0, 1, 2)
    one.call(2.0, 1, 2, cached=cached)
    assert one.has(8, 9) == left


def test_an_upstream_that_never_told_of_cached_tokens_is_not_corrected() -> None:
    one = Cached()
    one.target.tells_cached = False
    one.call(0.0, 8, 9)
    one.call(1.0, 1, 2)
    one.call(2.0, 1, 2)
    assert one.has(8, 9) == 1.0
    one.call(3.0, 1, 2, cached=2)
    one.call(4.0, 1, 2, cached=0)
    assert one.has(8, 9) == 0.0


def test_a_short_prompt_that_was_not_cached_proves_nothing() -> None:
    one = Cached()
    one.call(0.0, 8, 9)
    one.call(1.0, 1, 2)
    call = one.begin(2.0, 1, 2)
    call.tokens_in = LEAST_TOLD - 1
    call.finish("ok", 3.0)
    assert one.has(8, 9) == 1.0


def test_a_prompt_that_another_call_is_still_computing_was_not_lost() -> None:
    one = Cached()
    one.call(0.0, 8, 9)
    first = one.begin(1.0, 1, 2)
    second = one.begin(1.1, 1, 2)
    assert isinstance(first.seat, Seat)
    first.seat.first_token(2.0)
    one.end(second, cached=0)
    assert one.has(8, 9) == 1.0
    third = one.begin(3.0, 1, 2)  # the first has been computed: now it should have been there
    one.end(third, cached=0)
    assert one.has(8, 9) == 0.0


def test_a_call_that_failed_proves_nothing() -> None:
    one = Cached()
    one.call(0.0, 8, 9)
    one.call(1.0, 1, 2)
    one.begin(2.0, 1, 2).finish("error", 3.0)
    assert one.has(8, 9) == 1.0


# ---- accounting


class Accounting(RuleBasedStateMachine):
    """Calls that take seats, move, get first tokens (also late ones), break, are rescued, end; in any order."""

    exchanges = Bundle[Exchange]("exchanges")
    seats = Bundle[Seat]("seats")

    def __init__(self) -> None:
        super().__init__()
        index = PrefixIndex(100)
        self.targets = [Target(name, Upstream(name), prefixes=index) for name in "abc"]
        self.live: dict[int, tuple[Exchange, Seat]] = {}
        self.all: list[Exchange] = []
        self.now = 1.0

    def tick(self) -> float:
        self.now += 0.1
        return self.now

    @rule(target=exchanges)
    def arrive(self) -> Exchange:
        self.all.append(exchange())
        return self.all[-1]

    @rule(target=seats, one=exchanges, at=st.integers(0, 2), tokens=st.floats(0, 1e5), hit=st.floats(0, 1))
    def take(self, one: Exchange, at: int, tokens: float, hit: float) -> Seat:
        chosen, made = self.targets[at], ask(tokens=tokens, now=self.tick())
        made.hits = {chosen.slot: hit}
        made.blocks, made.bounds, made.size = [1, 2], [1, 2], 2
        seat = chosen.take_seat(one, made)
        if one.outcome is None:
            self.live[id(one)] = (one, seat)
        return seat

    @rule(seat=seats)
    def first_token(self, seat: Seat) -> None:
        seat.first_token(self.tick())

    @rule(one=exchanges)
    def leave(self, one: Exchange) -> None:
        leave_seat(one)
        self.live.pop(id(one), None)

    @rule(one=consumes(exchanges), outcome=st.sampled_from(["ok", "left", "error"]), told=st.integers(0, 5000))
    def end(self, one: Exchange, outcome: str, told: int) -> None:
        one.tokens_in, one.tokens_out, one.tokens_cached = told, told // 2, told // 3
        one.finish(outcome, self.tick())
        self.live.pop(id(one), None)

    @rule(one=consumes(exchanges), at=st.integers(0, 2))
    def end_and_take(self, one: Exchange, at: int) -> None:
        one.finish("left", self.tick())
        self.live.pop(id(one), None)
        self.targets[at].take_seat(one, ask(tokens=5.0, now=self.tick()))

    @invariant()
    def counts_are_those_of_the_live_seats(self) -> None:
        for one in self.targets:
            here = [seat for _, seat in self.live.values() if seat.target is one]
            waiting = [seat.stay.work for seat in here if not seat.stay.first]
            assert one.in_flight == len(here)
            assert one.load.decoding == len(here) - len(waiting)
            assert len(one.load.stays) == len(waiting)
            assert one.load.waiting == pytest.approx(sum(waiting), abs=1e-6)
            if not waiting:
                assert one.load.waiting == 0.0

    def teardown(self) -> None:
        for one in self.all:
            one.finish("ok", self.tick())
        for one in self.targets:
            assert (one.in_flight, one.load.decoding, one.load.waiting, len(one.load.stays)) == (0, 0, 0.0, 0)


def test_accounting_in_any_order() -> None:
    case: Any = Accounting.TestCase
    case.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
    case().runTest()


def test_they_tell_their_state() -> None:
    (one,) = targets(3)
    seat = one.take_seat(exchange(), Ask(exchange().call, 1.0, tokens=7.0))
    assert repr(one) == "<Target a weight 3, 1 in flight>"
    assert repr(seat) == "<Seat at a, <Stay of 7 tokens behind 0 since 1.000>>"
