import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.breaker import EVER
from penstock.routing.health import SLOW_SECONDS, Health, HealthRules
from penstock.routing.targets import Changes


def health(**rules: float) -> tuple[Health, Changes]:
    changes = Changes()
    return Health(HealthRules(**rules), changes, lambda low, high: high), changes


def fail(made: Health, now: float = 0.0, times: int = 5) -> None:
    for _ in range(times):
        made.ill(now)


def test_one_of_which_nothing_is_known_is_well_for_ever() -> None:
    made, changes = health()
    assert made.usable(0.0)
    assert made.standing
    assert (made.share(0.0), made.until(0.0), made.word, changes.count) == (1.0, EVER, "closed", 0)


def test_attempts_that_go_well_change_nothing_that_lists_are_made_of() -> None:
    made, changes = health()
    made.well(1.0)
    fail(made, 1.0, 4)
    assert changes.count == 0


def test_a_breaker_that_opens_takes_it_out_until_a_trial_went_well() -> None:
    made, changes = health(slow_start=0.0)
    fail(made)
    assert (made.usable(0.0), made.standing, made.word, made.ejections, changes.count) == (False, False, "open", 1, 1)
    assert (made.until(0.0), made.back(0.0)) == (1.0, 1.0)
    made.settle(1.0)
    assert (made.usable(1.0), made.word, changes.count) == (True, "half_open", 2)
    trial = made.begin(1.0)
    assert (made.usable(1.0), changes.count) == (False, 3)
    made.well(1.5, trial)
    assert (made.usable(1.5), made.word, changes.count) == (True, "closed", 4)


def test_a_trial_that_tells_nothing_makes_room_for_another() -> None:
    made, _ = health()
    fail(made)
    made.settle(1.0)
    made.lost(made.begin(1.0))
    assert made.usable(1.0)


def test_what_comes_back_takes_a_share_that_grows() -> None:
    made, _ = health(slow_start=10.0)
    fail(made)
    made.settle(1.0)
    made.well(2.0, made.begin(1.0))
    shares, now = [], 2.0
    while made.until(now) < EVER:
        shares.append(made.share(now))
        now = made.until(now) + 1e-6
    assert shares == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert made.share(now) == 1.0
    assert now == pytest.approx(12.0, abs=0.01)


def test_bad_probes_take_it_out_and_a_good_one_brings_it_back_slowly() -> None:
    made, changes = health(slow_start=10.0)
    for number in range(3):
        assert made.usable(0.0), number
        made.probed("silent", False, 0.0, 3)
    assert (made.usable(0.0), made.standing, made.word, made.ejections) == (False, True, "sick", 1)
    before = changes.count
    made.probed("silent", False, 1.0, 3)
    assert (changes.count, made.ejections) == (before, 1)
    made.probed("well", True, 5.0, 3)
    assert (made.usable(5.0), made.share(5.0), changes.count) == (True, 0.1, before + 1)
    assert made.probes == {"silent": 4, "well": 1}


def test_an_answer_that_is_neither_ends_a_row_of_bad_ones_and_does_no_more() -> None:
    made, _ = health()
    for _ in range(5):
        made.probed("silent", False, 0.0, 3)
        made.probed("silent", False, 0.0, 3)
        made.probed("answers", None, 0.0, 3)
    assert made.usable(0.0)
    fail(made)
    made.probed("answers", None, 0.5, 3)
    assert made.word == "open", "that something answers is no reason to hurry"


def test_a_good_probe_brings_an_open_breaker_to_its_trial_at_once() -> None:
    made, _ = health()
    for _ in range(3):
        fail(made, made.breaker.until if made.breaker.state == "open" else 0.0)
    made.probed("well", True, 0.1, 3)
    assert made.word == "half_open"
    assert made.usable(0.1)


def test_a_bad_probe_keeps_an_open_breaker_open_beyond_its_time() -> None:
    made, _ = health()
    fail(made)
    made.probed("unreachable", False, 0.5, 3)
    made.settle(100.0)
    assert (made.word, made.until(100.0)) == ("open", EVER)
    made.probed("well", True, 101.0, 3)
    assert made.usable(101.0)


def test_a_bad_probe_refutes_one_that_waits_for_its_trial() -> None:
    made, _ = health()
    fail(made)
    made.settle(1.0)
    made.probed("silent", False, 1.5, 3)
    assert (made.word, made.usable(1.5)) == ("open", False)


def test_one_too_slow_is_left_out_for_a_while_and_then_measured_anew() -> None:
    made, _ = health(slow_start=0.0)
    made.eject(0.0)
    assert (made.usable(0.0), made.standing, made.word) == (False, True, "slow")
    assert (made.until(0.0), made.back(0.0)) == (SLOW_SECONDS, SLOW_SECONDS)
    assert not made.settle(SLOW_SECONDS - 1)
    assert made.settle(SLOW_SECONDS)
    assert made.usable(SLOW_SECONDS)
    assert not made.settle(SLOW_SECONDS)
    made.eject(100.0)
    assert made.until(100.0) == 100.0 + 2 * SLOW_SECONDS


@given(st.lists(st.tuples(st.sampled_from(["ill", "well", "bad", "good", "so", "trial", "slow"]), st.floats(0, 20))))
def test_nothing_changes_between_now_and_until(events: list[tuple[str, float]]) -> None:
    """What was kept stays true until ``until``, unless the count of changes says otherwise."""
    made, changes = health(slow_start=10.0)
    now = 0.0
    for what, step in events:
        now += step
        made.settle(now)
        trial = made.begin(now) if what == "trial" else 0
        if what in ("ill", "well"):
            (made.ill if what == "ill" else made.well)(now)
        elif what == "slow":
            made.eject(now)
        elif what != "trial":
            made.probed(what, {"bad": False, "good": True, "so": None}[what], now, 3)
        made.settle(now)
        kept = (changes.count, made.usable(now), made.standing, made.share(now))
        until = made.until(now)
        assert until >= now - 1e-9
        later = now + (min(until, now + 50.0) - now) * 0.99
        made.settle(later)
        assert kept == (changes.count, made.usable(later), made.standing, made.share(later))
        if trial:
            made.well(later, trial)


def test_one_that_is_new_has_the_least_share_until_it_has_arrived_and_then_a_growing_one() -> None:
    made, changes = health(slow_start=10.0)
    made.arrive(130.0)
    assert changes.count == 1
    assert (made.share(100.0), made.until(100.0)) == (0.1, 131.0)
    made.arrive(110.0)
    assert (made.share(109.0), made.share(110.0), made.share(115.0), made.share(120.0)) == (0.1, 0.1, 0.6, 1.0)
    assert made.until(115.0) == 116.0
    at_once, untouched = health(slow_start=0.0)
    at_once.arrive(130.0)
    assert (at_once.share(100.0), at_once.until(100.0), untouched.count) == (1.0, EVER, 0)
