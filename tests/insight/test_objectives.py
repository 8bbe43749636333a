import copy
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from penstock.core.alert import Alert
from penstock.core.windows import Window
from penstock.insight.objectives import RULES, Objectives, burn_of
from penstock.insight.objectives_config import ObjectivesConfig
from tests.support.spans import call, failed, hit, window

HOUR, DAY = 3600.0, 86_400.0


class Told(list[tuple[str, str, float]]):
    """What was told: open or closed, the alert's name, when."""

    def __call__(self, alert: Alert) -> None:
        alert = copy.copy(alert)
        self.append(
            ("open", alert.name, alert.opened) if alert.closed is None else ("closed", alert.name, alert.closed)
        )


def play(objectives: Objectives, start: float, seconds: float, calls: Callable[[float], Iterable[Any]]) -> None:
    made: dict[tuple[Any, ...], Window] = {}
    for place in range(int(seconds // 10)):
        at = start + 10.0 * place
        rows = tuple(calls(at))
        if rows not in made:
            made[rows] = window(0.0, rows)
        objectives.take(msgspec.structs.replace(made[rows], start=at))


def share(bad: int, of: int) -> Callable[[float], list[Any]]:
    return lambda _: [failed()] * bad + [call()] * (of - bad)


def row(objectives: Objectives, name: str) -> dict[str, Any]:
    return next(one for one in objectives.told() if one["name"] == name)


def test_burn_rates_are_those_of_the_workbook() -> None:
    assert [burn_of(rule, 30 * DAY) for rule in RULES] == pytest.approx([14.4, 6.0, 1.0])
    assert burn_of(RULES[2], 7 * DAY) == 1.0  # never slower than the budget lasts


def test_who_is_counted_for_availability() -> None:
    objectives = Objectives(ObjectivesConfig(), Told())
    objectives.take(window(0, [call(), hit(), failed(), failed("gateway"), failed("caller"), call(outcome="left")]))
    told = row(objectives, "availability")
    assert (told["total"], told["bad"], told["good"], told["met"]) == (4, 2, 0.5, False)
    assert row(Objectives(ObjectivesConfig(), Told()), "availability")["good"] is None


def test_the_gateways_own_share_within_150_ms() -> None:
    objectives = Objectives(ObjectivesConfig(), Told())
    objectives.take(window(0, [call(overhead=0.1)] * 96 + [call(overhead=0.2)] * 4))
    told = row(objectives, "p95")
    assert (told["total"], told["bad"], told["met"], told["limit_seconds"]) == (100, 4, True, 0.15)
    assert told["budget_left"] == pytest.approx(0.2)


def test_first_tokens_by_model() -> None:
    objectives = Objectives(ObjectivesConfig(ttft_p95={"m": 0.5}), Told())
    objectives.take(
        window(0, [call()] * 9 + [call(first_byte=0.7)] + [call(model="slow", first_byte=0.9)] * 5 + [hit()])
    )
    told = row(objectives, "ttft_p95 m")
    assert (told["total"], told["bad"], told["met"]) == (10, 1, False)


def test_an_outage_is_told_within_minutes_and_over_within_minutes() -> None:
    told = Told()
    objectives = Objectives(ObjectivesConfig(), told)
    play(objectives, 0, HOUR, share(0, 20))
    assert told == []
    play(objectives, HOUR, 10 * 60, share(20, 20))
    assert [kind for kind, _, _ in told] == ["open"]
    assert told[0][1] == "objective_availability_fast"
    assert told[0][2] <= HOUR + 120
    (alert,) = objectives.open
    assert alert.severity == "critical"
    assert alert.facts["objective"] == "availability"
    play(objectives, HOUR + 600, 7 * HOUR, share(0, 20))
    assert [kind for kind, _, _ in told] == ["open", "closed"]
    assert told[1][2] <= HOUR + 600 + 360
    assert objectives.open == []


def test_a_slow_burn_is_told_by_the_longer_window() -> None:
    told = Told()
    objectives = Objectives(ObjectivesConfig(availability=0.99), told)
    play(objectives, 0, 7 * HOUR, share(0, 50))
    play(objectives, 7 * HOUR, 6 * HOUR, share(4, 50))  # 8 times too fast: under 14.4, over 6
    assert [name for kind, name, _ in told if kind == "open"] == ["objective_availability_slow"]


def test_a_gateway_that_just_began_is_not_told_of_days_that_it_never_saw() -> None:
    told = Told()
    objectives = Objectives(ObjectivesConfig(), told)
    play(objectives, 0, 60, share(5, 20))
    assert told == []
    play(objectives, 60, 300, share(5, 20))
    assert [name for _, name, _ in told] == ["objective_availability_fast"]


def test_what_the_budget_bears_is_never_told() -> None:
    told = Told()
    objectives = Objectives(ObjectivesConfig(availability=0.95), told)
    play(objectives, 0, DAY, lambda at: [failed()] + [call()] * 49)  # 2 % of 5
    assert told == []
    assert row(objectives, "availability")["budget_left"] == pytest.approx(0.6)


def test_one_failure_of_few_calls_is_no_burn() -> None:
    told = Told()
    objectives = Objectives(ObjectivesConfig(), told)
    play(objectives, 0, HOUR, lambda at: [failed()] if at % 1200 == 0 else [call()] if at % 600 == 0 else [])
    assert told == []


def test_what_was_before_counts_and_tells_nothing() -> None:
    told = Told()
    objectives = Objectives(ObjectivesConfig(), told)
    objectives.learn([window(0, [failed()] * 50), window(HOUR, [call()] * 50)])
    assert told == []
    assert row(objectives, "availability")["bad"] == 50


def test_a_reload_keeps_the_budget_of_an_objective_that_stays() -> None:
    told = Told()
    objectives = Objectives(ObjectivesConfig(ttft_p95={"m": 0.1}), told)
    play(objectives, 0, HOUR, lambda at: [call()] * 20)
    assert [name for kind, name, _ in told] == ["objective_ttft_p95_m_fast"]
    objectives.follow(ObjectivesConfig(p95=0.3))
    assert [kind for kind, _, _ in told] == ["open", "closed"]
    assert row(objectives, "availability")["total"] == 7200
    assert row(objectives, "p95")["total"] == 0
    assert "availability" in repr(objectives)
