from itertools import pairwise
from random import Random

from penstock.insight.optimizer.guard import Guard
from penstock.insight.optimizer.measures import MEASURES
from penstock.insight.optimizer.trial import Terms, Trial
from tests.insight.optimizer.tuning import Bench


def trial(seed: int = 1, **terms: float) -> Trial:
    guard = Guard(MEASURES["error_share"], 0.02, [0.0] * 20)
    given = {"period": 2, "deadline": 3600.0, "proving": 0.0, "least": 0.02} | terms
    return Trial(MEASURES["latency_p95"], [guard], Terms(**given), Random(seed), 0.0)  # type: ignore[arg-type]


def run(one: Trial, latency: dict[bool, float], errors: dict[bool, float], windows: int) -> list[bool]:
    """Windows of ten seconds; a wish is in force one second after the end of each. Whether it was on, by window."""
    draw, on, seen = Random(2), False, []
    for number in range(windows):
        start = 10.0 * number
        on = one.on
        one.applied(start + 1.0)
        seen.append(on)
        values = {"latency_p95": latency[on] * draw.gauss(1, 0.02), "error_share": errors[on], "calls": 500.0}
        one.take(start, start + 10.0, values)
    return seen


def test_periods_come_in_pairs_in_an_order_drawn_by_lot() -> None:
    firsts = {tuple(run(trial(seed), {True: 1.0, False: 1.0}, {True: 0, False: 0}, 12)) for seed in range(8)}
    assert len(firsts) > 2
    for seen in firsts:
        assert 3 <= sum(seen) <= 9


def test_what_helps_is_kept_and_then_stays_on() -> None:
    one = trial()
    run(one, {True: 0.8, False: 1.0}, {True: 0.0, False: 0.0}, 120)
    assert one.verdict == ("kept", "the effect lasted")
    assert (one.phase, one.on) == ("watched", True)
    assert -0.3 < -one.evidence.mean < -0.15


def test_what_makes_it_worse_or_does_nothing_is_taken_back() -> None:
    worse, nothing = trial(), trial(deadline=900.0)
    run(worse, {True: 1.1, False: 1.0}, {True: 0.0, False: 0.0}, 200)
    assert worse.verdict == ("rolled_back", "latency_p95 got worse")
    run(nothing, {True: 1.0, False: 1.0}, {True: 0.0, False: 0.0}, 200)
    assert nothing.verdict is not None
    assert nothing.verdict[0] == "rolled_back"
    assert not nothing.on


def test_a_broken_guard_ends_it_within_one_window() -> None:
    one = trial()
    seen = run(one, {True: 0.8, False: 1.0}, {True: 0.2, False: 0.0}, 60)
    assert sum(seen) == 1
    assert one.verdict is not None
    assert "error_share: 0.2 where it was 0 without" in one.verdict[1]


def test_after_a_suspicious_window_comes_one_without_it_whatever_the_lot_says() -> None:
    for seed in range(20):
        one = trial(seed)
        seen = run(one, {True: 0.9, False: 1.0}, {True: 0.015, False: 0.0}, 60)
        assert sum(seen) > 1
        assert not any(earlier and later for earlier, later in pairwise(seen))


def test_one_that_costs_at_some_hours_and_gains_more_at_others_stays() -> None:
    for gain, stays in ((0.5, True), (0.9, False)):
        one = trial(proving=0.0)
        number = 0
        while one.verdict is None:
            _window(one, number, gain)
            number += 1
        assert one.verdict[0] == "kept"
        for later in range(number + 1440, number + 3440):
            _window(one, later, 1.15)  # four hours later it is noon
        assert (one.phase == "watched") is stays
        assert len(one.hours) > 1


def _window(one: Trial, number: int, with_it: float) -> None:
    start = 10.0 * number
    on = one.on
    one.applied(start + 1.0)
    one.take(start, start + 10.0, {"latency_p95": with_it if on else 1.0, "error_share": 0.0, "calls": 500.0})


def test_without_traffic_it_ends_at_its_deadline() -> None:
    one = trial(deadline=100.0)
    for number in range(12):
        one.applied(10.0 * number + 1)
        one.take(10.0 * number, 10.0 * number + 10, {})
    assert one.verdict == ("rolled_back", "nothing could be measured")


def test_harm_that_comes_late_takes_it_back_after_it_was_kept() -> None:
    bench = Bench(
        lambda value, _: 0.8 if value != 0.1 else 1.0, lambda value, held: 0.2 if value != 0.1 and held > 90 else 0.0
    )
    kept = bench.until("kept")
    for _ in range(2000):
        if kept.state == "rolled_back":
            break
        bench.step()
    assert "after a while it hurt error_share" in kept.reason


def test_an_effect_that_turns_does_not_last() -> None:
    bench = Bench(lambda value, held: (1.2 if held > 10 else 0.8) if value < 0.1 else 1.0, proving=600.0, guard=1.0)
    taken = bench.until("rolled_back")
    assert taken.reason == "the effect did not last"
    assert bench.value == 0.1


def test_what_happens_to_all_alike_is_not_blamed_on_the_setting() -> None:
    bench = Bench(lambda value, _: 0.8 if value != 0.1 else 1.0)
    kept = bench.until("kept")
    bench.config = bench.course.config
    bench._errors = lambda _, __: 0.1
    bench.course.config = type(bench.config)(mode="suggest", bounds=bench.config.bounds)
    bench.step(200)
    assert kept.state == "kept"
    assert bench.value != 0.1
