from typing import Any

import pytest

from bench.overload import GROUPS, Done, judge, measure, problems, request

HIGH = next(number for number, group in enumerate(GROUPS) if group.priority == "high")
BATCH = next(number for number, group in enumerate(GROUPS) if group.priority == "batch")


def done(came: float, group: int = HIGH, **facts: Any) -> Done:
    facts = {"took": 0.1, "status": 200, "whole": True} | facts
    return Done(group, came, **facts)


def calls(*more: Done) -> list[Done]:
    """Ten a second for thirty seconds, all well."""
    return [*(done(number / 10) for number in range(300)), *more]


def test_all_well_is_no_problem() -> None:
    seen = judge("x", calls(), 10.0, 10.0, 10.0)
    assert seen.goodput == pytest.approx(1.0, abs=0.02)
    assert (seen.by_class["high"], seen.failed, seen.recovery) == (1.0, 0, 0.0)
    assert problems(seen) == []


def test_each_bar_that_is_missed_is_named() -> None:
    late = [done(15.0, status=0, whole=False) for _ in range(10)]
    assert any("class high" in problem for problem in problems(judge("x", calls(*late), 10.0, 10.0, 10.0)))
    half = [one for one in calls() if not 10 <= one.came < 15]
    found = problems(judge("x", half, 10.0, 10.0, 10.0))
    assert any("goodput 5" in problem for problem in found)
    assert any(
        "fell to" in problem
        for problem in problems(judge("x", [one for one in calls() if not 14 <= one.came < 18], 10.0, 10.0, 10.0))
    )
    refused = [done(15.0, group=BATCH, status=503, whole=False)]
    assert problems(judge("x", calls(*refused), 10.0, 10.0, 10.0)) == ["1 refused without Retry-After"]
    slow = judge("x", calls(done(29.9, took=1.0, group=HIGH), done(32.0, took=1.0)), 10.0, 10.0, 10.0)
    assert slow.recovery == pytest.approx(12.0)


def test_what_piled_up_of_class_batch_may_take_its_time() -> None:
    assert judge("x", calls(done(29.0, took=9.0, group=BATCH)), 10.0, 10.0, 10.0).recovery == 0.0
    assert judge("x", calls(done(29.0, whole=False, group=BATCH)), 10.0, 10.0, 10.0).recovery == pytest.approx(9.0)


def test_a_call_says_its_class_and_its_deadline() -> None:
    data = request(GROUPS[HIGH], "sk-pen-x", True, "hi")
    assert b"x-penstock-priority: high\r\nx-penstock-deadline-ms: 2000\r\n" in data


def test_a_gateway_holds_at_three_times_its_capacity() -> None:
    seen = measure("fixed", 1.0, 6.0, 0.0, 3.0, seats=16)
    assert seen.offered > 2.0
    assert seen.goodput >= 0.85  # a short run on a busy machine: the bench has the bars
    assert seen.by_class["high"] >= 0.95
    assert seen.by_class["high"] >= seen.by_class["normal"] >= seen.by_class["low"]
    assert seen.refused == seen.honest > 0
