import pytest

from penstock.core.sketch import put
from penstock.core.windows import Group
from penstock.scaling.sight import STALE_SECONDS, Now, Sight


def group(calls: int, tokens_out: int = 100, seconds: float = 2.0, first: float = 0.5) -> Group:
    """Calls that ended well, each with so many tokens."""
    made = Group(calls=calls, tokens_in=0, tokens_out=calls * tokens_out, total=calls * seconds,
                 generating=calls * (seconds - first))  # fmt: skip
    if calls:
        put(made.firsts, first, calls)
    return made


class Clock:
    """A pool to which ``rate`` calls a second come; of them ``served`` a second are given to replicas."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self.at = 1000.0
        self.begun = 0.0
        self.waiting = 0.0

    def run(self, seconds: int, rate: float, served: float | None = None, ended: int | None = None) -> None:
        for second in range(1, seconds + 1):
            given = rate if served is None else min(served, rate + self.waiting)
            self.at += 1
            self.begun += given
            self.waiting += rate - given
            self.sight.note(self.at, {0: Now(4, self.begun, self.waiting)})
            if second % 10 == 0:
                self.sight.take(self.at, [group(round(10 * given) if ended is None else ended)])


def test_load_is_the_work_of_what_comes() -> None:
    clock = Clock(Sight(1.0))
    clock.run(60, 5.0)
    seen = clock.sight.seen(clock.at)
    assert seen.load == pytest.approx(500.0, rel=0.03)
    assert seen.requests == pytest.approx(5.0, rel=0.03)
    assert (seen.in_flight, seen.waiting) == (4, 0)
    assert seen.response == pytest.approx(2.0)
    assert seen.ttft == pytest.approx(0.5, rel=0.05)


def test_a_pool_that_is_too_small_does_not_hide_what_comes() -> None:
    """Only 5 a second are served of 20 that come: what ends tells of a quarter."""
    clock = Clock(Sight(1.0))
    clock.run(60, 5.0)
    clock.run(20, 20.0, served=5.0)
    seen = clock.sight.seen(clock.at)
    assert seen.load == pytest.approx(2000.0, rel=0.03)
    assert seen.waiting == pytest.approx(300)


def test_it_is_seen_before_a_call_has_ended() -> None:
    clock = Clock(Sight(1.0))
    clock.run(60, 5.0)
    clock.run(9, 50.0, ended=0)
    assert clock.sight.load > 4000, "within ten seconds, and none of the new calls is over"


def test_calls_that_were_refused_came_as_well() -> None:
    sight = Sight(1.0)
    sight.take(1000.0, [group(50)], shed=30.0)
    assert sight.load == pytest.approx((50 + 30) * 100 / 10)


def test_batches_and_attempts_that_fail_do_not_change_the_sum() -> None:
    """Each call that a replica is given ends as four: load stays that of those that end."""
    clock = Clock(Sight(1.0))
    clock.run(600, 5.0, ended=200)
    assert clock.sight.seen(clock.at).load == pytest.approx(2000.0, rel=0.02)


def test_a_worker_that_begins_anew_and_one_that_is_silent_bring_no_calls() -> None:
    sight = Sight(1.0)
    at = 1000.0
    for second in range(30):
        at += 1
        workers = {0: Now(1, 100_000 + second, 0)}
        if second != 12:
            workers[1] = Now(1, second if second < 20 else second - 20, 0)
        sight.note(at, workers)
        if second % 10 == 9:
            sight.take(at, [group(20)])
    assert sight.seen(at).requests == pytest.approx(2.0, abs=0.3)


def test_late_calls_and_the_composite_s_parts() -> None:
    sight = Sight(1.0)
    slow = group(10, first=1.5)
    slow.tokens_in, slow.tokens_cached = 1000, 250
    sight.take(1000.0, [group(30), slow])
    seen = sight.seen(1000.0)
    assert seen.late == pytest.approx(0.25)
    assert seen.hit_rate == pytest.approx(0.25)
    assert seen.token_rate == pytest.approx(4000 / (30 * 1.5 + 10 * 0.5))


def test_without_a_window_it_is_blind_and_says_nothing_of_calls() -> None:
    sight = Sight(1.0)
    assert sight.is_blind(1000.0)
    seen = sight.seen(1000.0)
    assert (seen.load, seen.ttft, seen.response) == (0.0, None, None)
    assert sight.carried_by(8) == 0
    sight.take(1000.0, [])
    assert not sight.is_blind(1000.0 + STALE_SECONDS)
    assert sight.is_blind(1001.0 + STALE_SECONDS)


def test_what_calls_at_once_carry() -> None:
    sight = Sight(1.0)
    sight.take(1000.0, [group(10, tokens_out=100, seconds=2.0)])
    assert sight.carried_by(8) == pytest.approx(8 * 100 / 2.0)
    for at in range(1010, 1100, 10):
        sight.take(at, [])
    assert sight.carried_by(8) == pytest.approx(8 * 100 / 2.0), "a silence does not change what they were"


def test_numbers_of_right_now_that_are_old_say_nothing() -> None:
    clock = Clock(Sight(1.0))
    clock.run(30, 50.0)
    clock.sight.take(clock.at + 11, [group(10)])
    assert clock.sight.load == pytest.approx(100)


def test_a_clock_that_is_put_back_counts_nothing_twice() -> None:
    clock = Clock(Sight(1.0))
    clock.run(30, 5.0)
    clock.at -= 3600
    clock.run(20, 5.0)
    assert clock.sight.seen(clock.at).requests == pytest.approx(5.0, rel=0.05)


def test_for_who_learns_calls_that_were_refused_are_late() -> None:
    sight = Sight(1.0)
    assert sight.did(2) is None
    sight.take(1000.0, [group(20)], shed=5.0)
    did = sight.did(2)
    assert did is not None
    assert (did.calls, did.served, did.ready, did.judged) == (2.0, 2.0, 2, 25.0)
    assert (did.answer, did.late) == (pytest.approx(200.0), pytest.approx(0.2))
    waited = group(2, first=5.0)
    waited.held = 1
    sight.take(1005.0, [group(18), waited])
    did = sight.did(1)
    assert did is not None
    assert (did.judged, did.late) == (19.0, pytest.approx(1 / 19)), "who waited for a start is not judged"
    sight.take(1010.0, [])
    assert sight.did(2) is None


def test_a_burst_is_seen_within_a_start_s_time_less_what_may_be_chance() -> None:
    clock = Clock(Sight(1.0))
    clock.run(30, 1.0)
    calm = clock.sight.burst(1.2)
    clock.run(2, 16.0, served=4.0)
    burst = clock.sight.burst(1.2)
    assert clock.sight.load < 5 * 100
    assert burst == pytest.approx((32 - 32**0.5) / 2 * 100, rel=0.02), "two seconds, the first that are a start's time"
    assert calm < clock.sight.a_call, "a call or two more are chance"
    assert clock.sight.burst(0.0) == clock.sight.burst(30.0) == 0.0, "unknown, or no sooner than the mean"
    assert Sight(1.0).burst(1.0) == 0.0


def test_who_looks_seldom_sees_no_burst() -> None:
    sight = Sight(1.0)
    sight.note(0.0, {0: Now(1, 0, 0)})
    sight.note(8.0, {0: Now(1, 80, 0)})
    assert sight.burst(1.0) == 0.0
