import math

import pytest

from penstock.insight.anomalies.causes import CAUSES, UNITS, explains, is_within, root, severity, shown
from penstock.insight.anomalies.measures import HELPERS, measures
from penstock.insight.anomalies.rows import GATEWAY
from penstock.insight.anomalies.told import WORDS
from penstock.insight.anomalies.track import GROWS, Symptom
from penstock.insight.anomaly_config import AnomalyConfig


def symptom(measure: str, off: float = 9.0, sure: bool = True, actual: float = 2.0, expected: float = 1.0) -> Symptom:
    return Symptom(measure, GATEWAY, actual, expected, math.log(actual / expected), off, sure, 0.0)


@pytest.mark.parametrize(
    ("measures", "cause"),
    [
        (("first_token", "queue", "calls"), "first_token"),
        (("collector_pause", "loop_lag", "first_token", "token_gap"), "collector_pause"),
        (("loop_lag", "network", "first_token"), "loop_lag"),
        (("key_calls", "memory", "queue"), "key_calls"),
        (("store_latency", "first_token"), "store_latency"),
        (("queue",), "queue"),
    ],
)
def test_what_explains_most_is_the_cause(measures: tuple[str, ...], cause: str) -> None:
    found = root(symptom(measure) for measure in measures)
    assert found is not None
    assert found.measure == cause


def test_less_traffic_of_all_is_told_of_all_though_one_model_shows_it_more() -> None:
    found = root([symptom("calls", 20.0)._replace(scope=("chat", None)), symptom("calls", 9.0)])
    assert found is not None
    assert found.scope == GATEWAY


def test_a_suspect_is_the_cause_only_if_it_is_likely_and_explains_something() -> None:
    late = symptom("first_token")
    for suspect, cause in (
        (symptom("network", 4.5, sure=False), "network"),
        (symptom("network", 3.1, sure=False), "first_token"),
        (symptom("price", 4.5, sure=False), "first_token"),
    ):
        found = root([late, suspect])
        assert found is not None
        assert found.measure == cause
    assert root([symptom("network", 9.0, sure=False)]) is None
    assert root([symptom("in_flight")]) is None


def test_what_is_sent_to_one_upstream_is_not_why_the_host_is_slow() -> None:
    slow, prompts = symptom("network", 17.0), symptom("prompt_tokens", 4.2, sure=False)
    for scope, cause in ((GATEWAY, "prompt_tokens"), ((None, "u1"), "network"), (("chat", None), "network")):
        found = root([slow, prompts._replace(scope=scope)])
        assert found is not None
        assert found.measure == cause


def test_a_twin_that_is_dwarfed_and_what_only_grows_are_no_causes() -> None:
    gaps = symptom("token_gap", 17.0)
    for off, cause in ((4.5, "token_gap"), (9.0, "first_token")):
        found = root([gaps, symptom("first_token", off, sure=False)])
        assert found is not None
        assert found.measure == cause
    for span, cause in ((GROWS, "queue"), (0, "memory")):
        found = root([symptom("queue"), symptom("memory", 5.0, sure=False)._replace(span=span)])
        assert found is not None
        assert found.measure == cause


def test_every_measure_that_is_told_has_a_cause_and_words_and_knows_no_strangers() -> None:
    told = {one.name for one in measures(AnomalyConfig()) if one.opens and one.name not in HELPERS}
    assert told <= set(CAUSES)
    assert set(CAUSES) <= set(WORDS)
    assert explains("loop_lag", "loop_lag")
    assert not explains("queue", "loop_lag")


def test_the_four_of_the_specification_have_their_responses() -> None:
    responses = {name: CAUSES[name].response for name in ("memory", "hit_rate", "token_gap", "first_token")}
    assert responses == {
        "memory": "collect_memory", "hit_rate": "warm_cache", "token_gap": "token_path", "first_token": "route_away",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "word"),
    [
        (symptom("first_token", actual=1.6), "medium"),
        (symptom("first_token", actual=3.1), "high"),
        (symptom("first_token", actual=7.0), "critical"),
        (symptom("token_gap", actual=2.1), "high"),
        (symptom("hit_rate", actual=0.2, expected=0.4), "medium"),
        (symptom("memory", actual=0.9, expected=0.4), "high"),
        (symptom("memory", actual=0.96, expected=0.4), "critical"),
        (symptom("disk", actual=0.03, expected=0.4), "critical"),
        (symptom("calls", actual=1.4), "low"),
        (symptom("upstream_errors")._replace(change=0.3), "high"),
        (symptom("upstream_errors")._replace(change=0.6), "critical"),
    ],
)
def test_severity_follows_the_ratio(one: Symptom, word: str) -> None:
    assert severity(one) == word


def test_values_for_people() -> None:
    assert shown("first_token", 1.234) == "1.23 s"
    assert shown("first_token", 0.1234) == "123.4 ms"
    assert shown("hit_rate", 0.25) == "25.0 %"
    assert shown("calls", 12.0) == "12"
    assert set(UNITS) <= set(WORDS) | {"overhead"}


def test_calls_that_are_among_those_of_the_blamed() -> None:
    assert is_within(("chat", "gpu-1"), "upstream", "gpu-1")
    assert is_within(GATEWAY, "upstream", "gpu-1")
    assert not is_within((None, "gpu-2"), "upstream", "gpu-1")
    assert not is_within(("code", None), "model", "chat")
    assert is_within(("chat", None), "pair", "chat at gpu-1")
    assert not is_within(("chat", "gpu-2"), "pair", "chat at gpu-1")
    assert is_within(("chat", "gpu-2"), "gateway", "all")
