import random
from collections.abc import Callable
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.trial import Rules, Side, Trial, judge, look_due

USUAL = Rules()
LOOKS = [8 * 2**n for n in range(8)]


def run(
    new: tuple[float, float], old: tuple[float, float], seed: int, rules: Rules = USUAL, share: float = 0.2
) -> tuple[str, int]:
    """The verdict on versions of (share of failures, seconds to the first token), and after how many calls it fell."""
    draw = random.Random(seed)
    one, other = Side(), Side()

    def call(side: Side, fails: float, seconds: float) -> None:
        if draw.random() < fails:
            side.failed()
        else:
            side.answered(seconds * draw.lognormvariate(0, 0.4), 0.02 * draw.lognormvariate(0, 0.1))

    looked = 0
    while one.calls < 2000:
        if draw.random() < share:
            call(one, *new)
        else:
            call(other, *old)
        if look_due(one.calls, looked):
            looked = one.calls
            verdict, _ = judge(one, other, rules)
            if verdict != "running":
                return verdict, one.calls
    return "running", one.calls


def of_many(outcome: Callable[[int], tuple[str, int]], times: int = 40) -> dict[str, int]:
    found: dict[str, int] = {}
    for seed in range(times):
        verdict, _ = outcome(seed)
        found[verdict] = found.get(verdict, 0) + 1
    return found


def test_a_version_that_fails_is_taken_back_soon() -> None:
    assert run((1.0, 0.3), (0.0, 0.3), 1) == ("rolled_back", 8)
    found = [run((0.3, 0.3), (0.01, 0.3), seed) for seed in range(40)]
    assert {verdict for verdict, _ in found} == {"rolled_back"}
    assert max(calls for _, calls in found) <= 256


def test_a_slow_version_is_taken_back() -> None:
    found = [run((0.01, 0.6), (0.01, 0.3), seed) for seed in range(40)]
    assert {verdict for verdict, _ in found} == {"rolled_back"}
    assert max(calls for _, calls in found) <= 128


def test_an_equal_version_is_found_fit_and_hardly_ever_taken_back() -> None:
    found = of_many(lambda seed: run((0.01, 0.3), (0.01, 0.3), seed))
    assert found.get("rolled_back", 0) <= 2
    assert found.get("fit", 0) >= 30


def test_a_better_version_is_promoted_where_that_was_wished() -> None:
    found = of_many(lambda seed: run((0.0, 0.2), (0.02, 0.3), seed, Rules(promote=True)))
    assert found.get("promoted", 0) >= 38


def test_nothing_is_said_of_few_calls_that_are_not_clear() -> None:
    new, old = Side(), Side()
    for _ in range(20):
        new.answered(0.3, 0.02)
        old.answered(0.3, 0.02)
    assert judge(new, old, Rules())[0] == "running"
    assert judge(Side(), Side(), Rules())[0] == "running"


def test_what_is_disliked_is_taken_back() -> None:
    new, old = Side(calls=300, liked=20, disliked=80), Side(calls=300, liked=90, disliked=10)
    assert judge(new, old, Rules()) == ("rolled_back", "it is liked less")


def test_it_is_looked_at_when_calls_have_doubled() -> None:
    looked, looks = 0, []
    for calls in range(1100):
        if look_due(calls, looked):
            looked = calls
            looks.append(calls)
    assert looks == LOOKS


@given(st.text(max_size=30), st.floats(0.01, 0.99))
def test_a_session_stays_with_its_version(session: str, share: float) -> None:
    trial = Trial(share, Rules(), lambda low, high: 0.5)
    assert len({trial.takes("s" + session) for _ in range(5)}) == 1


def test_the_share_is_kept_over_sessions_and_over_calls_without_one() -> None:
    draw = random.Random(5)
    trial = Trial(0.1, Rules(), draw.uniform)
    assert 60 <= sum(trial.takes(f"session {n}") for n in range(1000)) <= 140
    assert 60 <= sum(trial.takes("") for _ in range(1000)) <= 140


@pytest.mark.parametrize(("verdict", "taken"), [("promoted", True), ("rolled_back", False)])
def test_a_verdict_decides_for_all_calls(verdict: str, taken: bool) -> None:
    trial = Trial(0.5, Rules(), lambda low, high: 0.5)
    trial.decide(verdict, "because")  # type: ignore[arg-type]
    assert {trial.takes(name) for name in ("", "a", "b")} == {taken}
    assert trial.dump()["reason"] == "because"


def test_sides_of_several_workers_add_up() -> None:
    one, other, whole = Side(), Side(), Side()
    for number in range(1, 30):
        for side in (one if number % 3 else other, whole):
            side.answered(number / 10, number / 100)
            if number % 7 == 0:
                side.failed()
    one.load(asdict(other))
    assert one.calls == whole.calls
    assert one.failures == whole.failures
    assert one.first.mean == pytest.approx(whole.first.mean)
    assert one.gap.variance_of_mean == pytest.approx(whole.gap.variance_of_mean)
