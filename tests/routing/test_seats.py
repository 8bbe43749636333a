"""What an attempt tells of its upstream, and that a caller's faults tell nothing."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError, Fail, GatewayError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.routing.failure import KINDS, Failure
from penstock.routing.seats import Seat, ill, well
from penstock.routing.targets import Target
from tests.support.targets import ask, exchange, target, targets

OF_OTHERS = sorted(name for name, kind in KINDS.items() if kind.fault != "upstream")


def seated(at: Target, now: float = 0.0) -> Exchange:
    call = exchange()
    at.settle(now)
    at.take_seat(call, ask(now=now))
    return call


def attempt(at: Target, kind: str, now: float = 0.0, after: float | None = None) -> None:
    """One call that fails there."""
    call = seated(at, now)
    ill(call, Failure(KINDS[kind], after), now)
    call.finish("ok", now)


def open_breaker(at: Target) -> None:
    for _ in range(5):
        attempt(at, "reset")
    assert at.word(0.0) == "open"


@given(st.lists(st.sampled_from(OF_OTHERS), max_size=60))
def test_nothing_that_callers_or_we_do_opens_a_breaker_or_rests_a_key(kinds: list[str]) -> None:
    one = target("a")
    for kind in kinds:
        attempt(one, kind)
    assert one.usable(0.0)
    assert one.changes.count == 0
    assert not one.keys.struck


@pytest.mark.parametrize("kind", ["unreachable", "reset", "overloaded", "server_error", "silent", "malformed"])
def test_what_the_upstream_does_opens_it(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    one = target("a")
    with caplog.at_level(logging.INFO, "penstock"):
        for _ in range(5):
            attempt(one, kind)
    assert one.word(0.0) == "open"
    (said,) = caplog.messages
    assert said.startswith("upstream 'a' is left alone for ")
    assert said.endswith(f"its last failure: {kind}")


def test_one_call_blames_one_upstream_for_what_may_be_its_own_doing() -> None:
    those = targets(1, 1, 1)
    for _ in range(5):
        call = exchange()
        for one in those:
            one.take_seat(call, ask())
            ill(call, Failure(KINDS["server_error"]), 0.0)
            call.note_failure("server_error", one.name)
        call.finish("ok", 0.0)
    assert [one.word(0.0) for one in those] == ["open", "closed", "closed"]


def test_one_call_blames_each_for_what_cannot_be() -> None:
    those = targets(1, 1)
    for _ in range(5):
        call = exchange()
        for one in those:
            one.take_seat(call, ask())
            ill(call, Failure(KINDS["unreachable"]), 0.0)
            call.note_failure("unreachable", one.name)
        call.finish("ok", 0.0)
    assert [one.word(0.0) for one in those] == ["open", "open"]


def test_a_seat_is_blamed_once() -> None:
    one = target("a")
    call = seated(one)
    for _ in range(9):
        ill(call, Failure(KINDS["reset"]), 0.0)
    assert one.health.breaker.streak == 1


def test_a_trial_that_goes_well_brings_it_back(caplog: pytest.LogCaptureFixture) -> None:
    one = target("a")
    open_breaker(one)
    call = seated(one, 1.0)
    assert isinstance(call.seat, Seat)
    assert call.seat.trial
    assert not one.usable(1.0)
    with caplog.at_level(logging.INFO, "penstock"):
        well(call, 1.0)
    call.finish("ok", 1.0)
    assert one.usable(1.0)
    assert "upstream 'a' is back: a trial went well" in caplog.messages


@pytest.mark.parametrize("outcome", ["left", "ok"])
def test_a_trial_that_ends_without_a_word_makes_room(outcome: str) -> None:
    one = target("a")
    open_breaker(one)
    call = seated(one, 1.0)
    call.finish(outcome, 2.0)
    assert one.usable(2.0)
    assert one.word(2.0) == "half_open"


@pytest.mark.parametrize(
    ("error", "streak"),
    [
        (UpstreamError("cut", phase="body"), 1),
        (GatewayError("too long", code="deadline"), 1),
        (GatewayError("stopping", code="gateway_stopping"), 0),
        (CallerError("no"), 0),
    ],
)
def test_the_end_of_a_call_tells_what_no_attempt_did(error: Fail, streak: int) -> None:
    one = target("a")
    call = seated(one)
    call.error = error
    call.finish("error", 1.0)
    assert one.health.breaker.streak == streak


def test_a_deadline_says_nothing_of_one_that_had_begun_to_answer() -> None:
    one = target("a")
    call = seated(one)
    well(call, 0.5)
    call.error = GatewayError("too long", code="deadline")
    call.finish("error", 1.0)
    assert one.health.breaker.streak == 0


def test_an_answer_that_breaks_off_counts_against_one_that_had_begun_it() -> None:
    one = target("a")
    call = seated(one)
    well(call, 0.5)
    call.error = UpstreamError("cut", phase="body")
    call.finish("error", 1.0)
    assert one.health.breaker.streak == 1


def test_a_key_that_is_refused_rests_and_not_the_upstream(caplog: pytest.LogCaptureFixture) -> None:
    one = target("a")
    with caplog.at_level(logging.INFO, "penstock"):
        attempt(one, "auth")
    assert (one.word(1.0), one.usable(1.0), one.health.breaker.streak) == ("keys_at_rest", False, 0)
    assert one.until(1.0) == one.back(1.0) == 5.0
    assert one.usable(5.0)
    assert caplog.messages == ["key 1 of 1 of upstream 'a' rests for 5.0 s: auth"]
    assert one.changes.count == 1


def test_a_key_that_is_accepted_has_its_strikes_forgotten() -> None:
    one = target("a")
    attempt(one, "rate_limited")
    assert one.keys.struck
    assert one.usable(0.0), "for another model it may be used"
    well(seated(one, 1.0), 1.0)
    assert not one.keys.struck
