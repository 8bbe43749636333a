"""The breaker by example, and as a machine driven by whatever may happen to an upstream, in any order."""

from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from penstock.routing.breaker import EVER, TABLE, Breaker, BreakerRules, Event, State

RULES = BreakerRules(failures=5, rate=0.5, window=10.0, least=20, open=1.0, longest=30.0)


def breaker(rules: BreakerRules = RULES) -> Breaker:
    return Breaker(rules, lambda low, high: high)


def opened(rules: BreakerRules = RULES, now: float = 0.0, after: float = 0.0) -> Breaker:
    made = breaker(rules)
    for _ in range(rules.failures):
        made.ill(now, after=after)
    assert made.state == "open"
    return made


def test_the_table_has_a_way_back_from_everywhere_and_no_other_words() -> None:
    states, events = set(get_args(State)), set(get_args(Event))
    assert {state for state, _ in TABLE} == set(TABLE.values()) == states
    assert {event for _, event in TABLE} == events
    at: State = "closed"
    for event in ("tripped", "due", "missed", "due", "passed"):
        at = TABLE[at, event]
    assert at == "closed"


def test_it_opens_on_failures_in_a_row() -> None:
    made = breaker()
    for _ in range(4):
        made.ill(0.0)
    made.well(0.0)
    for _ in range(4):
        made.ill(0.0)
    assert made.state == "closed"
    made.ill(0.0)
    assert (made.state, made.openings, made.until) == ("open", 1, 1.0)


def test_it_opens_on_a_share_of_failures_of_enough_attempts() -> None:
    made = breaker()
    for number in range(19):
        (made.ill if number % 2 else made.well)(number / 10)
    assert made.state == "closed", "there were too few"
    made.ill(1.9)
    assert made.state == "open"


def test_failures_that_are_long_past_do_not_count() -> None:
    made = breaker()
    for number in range(40):
        (made.ill if number % 3 == 0 else made.well)(0.0)
    assert made.state == "closed"
    for _ in range(15):
        made.well(25.0)
    for _ in range(4):
        made.ill(25.0)
    assert made.state == "closed"


def test_it_lets_one_through_when_its_time_is_over() -> None:
    made = opened()
    assert not made.look(0.99)
    assert made.begin(0.99) == 0
    assert made.look(1.0)
    assert made.free
    trial = made.begin(1.0)
    assert trial
    assert made.begin(1.0) == 0
    made.well(1.5, trial)
    assert (made.state, made.until) == ("closed", EVER)


def test_each_failed_trial_doubles_the_time_up_to_a_bound() -> None:
    made, now, times = opened(), 0.0, []
    for _ in range(8):
        times.append(made.until - now)
        now = made.until
        assert made.look(now)
        made.ill(now, made.begin(now))
    assert times == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_one_that_flaps_is_left_alone_for_longer_each_time() -> None:
    made = opened()
    made.look(1.0)
    made.well(1.0, made.begin(1.0))
    for _ in range(5):
        made.ill(2.0)
    assert made.until - 2.0 == 2.0
    made.look(4.0)
    made.well(4.0, made.begin(4.0))
    for _ in range(5):
        made.ill(4.0 + RULES.longest + 1)
    assert made.until - (4.0 + RULES.longest + 1) == 1.0, "it was well for long"


def test_it_is_left_alone_for_as_long_as_it_asks_within_the_bound() -> None:
    assert opened(after=7.0).until == 7.0
    assert opened(after=1e9).until == RULES.longest


def test_jitter_only_shortens() -> None:
    made = Breaker(RULES, lambda low, high: low)
    for _ in range(5):
        made.ill(0.0)
    assert made.until == 0.75


def test_what_was_sent_before_it_opened_changes_nothing() -> None:
    made = opened()
    made.well(0.1)
    made.ill(0.2)
    assert (made.state, made.until, made.openings) == ("open", 1.0, 1)
    made.look(1.0)
    made.well(1.0)
    assert made.free


def test_a_trial_without_a_verdict_frees_its_place() -> None:
    made = opened()
    made.look(1.0)
    made.lost(made.begin(1.0))
    assert made.free


def test_a_trial_that_takes_too_long_has_failed_and_its_end_counts_no_more() -> None:
    made = opened()
    made.look(1.0)
    stale = made.begin(1.0)
    assert made.look(1.0 + RULES.longest)
    assert made.state == "open"
    made.look(made.until)
    fresh = made.begin(made.until)
    made.well(40.0, stale)
    made.lost(stale)
    assert (made.state, made.trial) == ("half_open", fresh)


def test_a_good_probe_hastens_and_a_bad_one_refutes() -> None:
    made = opened()
    made.hasten()
    assert made.free
    made.refute(0.5)
    assert made.state == "open"
    made = breaker()
    made.hasten()
    made.refute(0.0)
    assert made.state == "closed"


@pytest.mark.parametrize("rules", [BreakerRules(failures=1), BreakerRules(failures=1000, least=4, rate=1.0)])
def test_its_rules_are_those_that_hold_now(rules: BreakerRules) -> None:
    made = breaker(rules)
    for _ in range(4):
        made.ill(0.0)
    assert made.state == "open"


class Upstream(RuleBasedStateMachine):
    """Attempts, trials, probes and time in any order. ``live``: the trial on which all depends now, and since when."""

    trials = Bundle("trials")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(RULES, lambda low, high: (low + high) / 2)
        self.before: State = "closed"
        self.live: tuple[int, float] | None = None

    @rule(seconds=st.one_of(st.floats(0, 2), st.floats(0, 100)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.breaker.look(self.now)
        if self.live is not None and self.now >= self.live[1] + RULES.longest:
            self.live = None

    @rule()
    def an_attempt_goes_well(self) -> None:
        self.breaker.well(self.now)

    @rule(after=st.sampled_from([0.0, 0.0, 5.0, 1e9]))
    def an_attempt_fails(self, after: float) -> None:
        self.breaker.ill(self.now, after=after)

    @rule()
    def a_probe_goes_well(self) -> None:
        self.breaker.hasten()

    @rule()
    def a_probe_fails(self) -> None:
        self.breaker.refute(self.now)
        if self.breaker.state == "open":
            self.live = None

    @rule(target=trials)
    def a_trial_is_wanted(self) -> int:
        before = self.breaker.state
        trial = self.breaker.begin(self.now)
        if trial:
            assert before == "half_open"
            assert self.live is None, "never two at a time"
            self.live = (trial, self.now)
        return trial

    @rule(trial=consumes(trials), how=st.sampled_from(["well", "ill", "lost"]))
    def a_trial_ends(self, trial: int, how: str) -> None:
        before = self.breaker.state
        if how == "well":
            self.breaker.well(self.now, trial)
        elif how == "ill":
            self.breaker.ill(self.now, trial)
        else:
            self.breaker.lost(trial)
        if self.live is not None and self.live[0] == trial:
            self.live = None
            assert self.breaker.state == {"well": "closed", "ill": "open", "lost": "half_open"}[how]
        elif before != "closed":
            assert self.breaker.state == before

    @precondition(lambda self: self.breaker.state != "closed")
    @rule()
    def it_always_comes_back(self) -> None:
        """Within its longest time somebody is let through, whatever came before; and if that goes well, all are."""
        for _ in range(2):  # one that is out may have to be written off first
            self.now += RULES.longest
            self.breaker.look(self.now)
        self.live = None
        assert self.breaker.free
        self.breaker.well(self.now, self.breaker.begin(self.now))
        assert self.breaker.state == "closed"

    @invariant()
    def it_moves_as_the_table_says(self) -> None:
        state = self.breaker.state
        if state != self.before:
            ways = {after for (before, _), after in TABLE.items() if before == self.before}
            further = {after for (before, _), after in TABLE.items() if before in ways}
            assert state in ways | further
        self.before = state

    @invariant()
    def its_times_are_bounded(self) -> None:
        made = self.breaker
        if made.state == "open" or made.trial:
            assert made.until - self.now <= RULES.longest + 1e-6
        else:
            assert made.until == EVER
        assert not (made.trial and made.state != "half_open")


TestUpstream = Upstream.TestCase
TestUpstream.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
