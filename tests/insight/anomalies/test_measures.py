import pytest

from penstock.insight.anomalies.measures import (
    CLEAR,
    SURE,
    Measure,
    adjusted,
    changed,
    enough,
    flagged,
    measures,
    passes_rule,
    stands,
    suspect,
)  # fmt: skip
from penstock.insight.anomalies.rows import AT, GATEWAY
from penstock.insight.anomaly_config import AnomalyConfig
from penstock.insight.baseline import Verdict

TABLE = {measure.name: measure for measure in measures(AnomalyConfig())}


def verdict(actual: float, expected: float, off: float, how: str = "ratio") -> Verdict:
    import math

    change = actual - expected if how == "share" else math.log(actual / expected)
    return Verdict(actual, expected, change, off, 50.0)


@pytest.mark.parametrize(
    ("name", "actual", "expected", "off", "told"),
    [
        ("first_token", 1.0, 0.4, SURE, True),
        ("first_token", 1.0, 0.4, CLEAR, True),
        ("first_token", 0.7, 0.4, CLEAR, False),
        ("first_token", 0.7, 0.4, SURE, True),
        ("first_token", 0.5, 0.4, 50.0, False),
        ("first_token", 0.1, 0.4, -50.0, False),
        ("token_gap", 0.05, 0.02, CLEAR, True),
        ("answer_tokens", 40.0, 100.0, -SURE, True),
        ("answer_tokens", 300.0, 100.0, SURE, False),
        ("calls", 10.0, 30.0, -SURE, True),
        ("calls", 90.0, 30.0, SURE, True),
        ("calls", 20.0, 30.0, -50.0, False),
        ("queue", 0.05, 0.001, 50.0, False),
        ("queue", 0.5, 0.001, 50.0, True),
    ],
)
def test_large_and_unlikely_or_past_the_rule(name: str, actual: float, expected: float, off: float, told: bool) -> None:
    assert flagged(TABLE[name], verdict(actual, expected, off)) is told


@pytest.mark.parametrize(
    ("name", "actual", "expected", "off", "told"),
    [
        ("upstream_errors", 0.3, 0.01, SURE, True),
        ("upstream_errors", 0.05, 0.01, 50.0, False),
        ("upstream_errors", 0.3, 0.25, 50.0, False),
        ("hit_rate", 0.2, 0.4, -CLEAR, True),
        ("hit_rate", 0.3, 0.4, -CLEAR, False),
        ("hit_rate", 0.3, 0.4, -SURE, True),
        ("hit_rate", 0.8, 0.4, SURE, False),
    ],
)
def test_shares(name: str, actual: float, expected: float, off: float, told: bool) -> None:
    assert flagged(TABLE[name], verdict(actual, expected, off, "share")) is told


def test_the_rules_come_from_the_configuration() -> None:
    strict = {one.name: one for one in measures(AnomalyConfig(latency=5.0, hit_rate=0.3, token_rate=0.25))}
    assert not passes_rule(strict["first_token"], verdict(1.0, 0.4, 9.0))
    assert not passes_rule(strict["token_gap"], verdict(0.05, 0.02, 9.0))
    assert not passes_rule(strict["hit_rate"], verdict(0.2, 0.4, -9.0, "share"))
    assert passes_rule(TABLE["hit_rate"], verdict(0.2, 0.4, -9.0, "share"))
    assert not passes_rule(TABLE["upstream_errors"], verdict(0.9, 0.0, 9.0, "share"))


def test_half_a_change_is_suspect_and_a_single_pair_has_more_to_prove() -> None:
    half = verdict(0.52, 0.4, 3.5)
    assert suspect(TABLE["first_token"], half)
    assert not flagged(TABLE["first_token"], half)
    assert not suspect(TABLE["first_token"], verdict(0.42, 0.4, 3.5))
    assert not flagged(TABLE["first_token"], verdict(0.7, 0.4, SURE), more=1.0)


def test_few_calls_tell_nothing() -> None:
    few = AnomalyConfig().least_calls
    assert not enough(TABLE["first_token"], 0.0, few - 1, 0.0)
    assert enough(TABLE["first_token"], 0.0, few, 0.0)
    assert not enough(TABLE["calls"], 3.0, 4.0, 1.0)
    assert enough(TABLE["calls"], 0.0, 4.0, 10.0)


def test_where_a_measure_is_judged_and_by_which_fields() -> None:
    queue, first = TABLE["queue"], TABLE["first_token"]
    assert [stands(queue, scope) for scope in (GATEWAY, ("m", None), (None, "u"), ("m", "u"))] == [
        True,
        True,
        False,
        False,
    ]
    assert first.fields(("m", "u")) == (AT["log_first"], AT["firsts"])
    assert first.fields(GATEWAY) == (AT["off_first"], AT["known_first"])
    assert Measure("x", "ratio", "cost", "calls").fields(GATEWAY) == (AT["cost"], AT["calls"])


def test_longer_prompts_are_not_a_slow_upstream() -> None:
    late = verdict(0.8, 0.4, 9.0)
    longer = {"prompt_tokens": verdict(1000.0, 500.0, 6.0)}
    assert not changed(TABLE["first_token"], adjusted("first_token", late, longer), 0.5)
    noise = {"prompt_tokens": verdict(1000.0, 500.0, 1.0)}
    assert adjusted("first_token", late, noise) == late
    assert adjusted("first_token", late, {}) == late


def test_tokens_of_calls_that_failed_are_not_longer_prompts() -> None:
    seen = verdict(2000.0, 500.0, 9.0)
    left = adjusted("prompt_tokens", seen, {"prompt_calls": verdict(510.0, 500.0, 0.2)})
    assert left.off == 0.2
    assert not changed(TABLE["prompt_tokens"], left)
