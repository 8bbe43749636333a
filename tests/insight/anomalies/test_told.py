import math

from penstock.insight.anomalies.rows import GATEWAY
from penstock.insight.anomalies.told import also, fill, kind_of, sentence
from penstock.insight.anomalies.track import GROWS, Symptom
from penstock.insight.findings import Anomaly, Contributor


def symptom(measure: str, actual: float = 0.8, expected: float = 0.4, off: float = 9.0) -> Symptom:
    return Symptom(measure, GATEWAY, actual, expected, math.log(actual / expected), off, True, 5.0)


def test_latency_is_where_both_times_grew() -> None:
    first, gap = symptom("first_token"), symptom("token_gap")
    assert kind_of(first, [first]) == "slow_first_token"
    assert kind_of(gap, [gap]) == "low_token_rate"
    assert kind_of(first, [first, gap]) == kind_of(gap, [first, gap]) == "high_latency"
    assert kind_of(symptom("memory", 0.6)._replace(span=GROWS), []) == "memory_leak"
    assert kind_of(symptom("memory", 0.9), []) == "memory_pressure"


def test_a_sentence_names_who_and_what() -> None:
    told = sentence(symptom("first_token"), [Contributor("upstream", "gpu-1", 1.0)])
    assert told == "upstream gpu-1: the first token takes 800.0 ms, usually 400.0 ms"
    assert sentence(symptom("loop_lag"), [Contributor("gauge", "loop_lag", 1.0)]).startswith("this host: ")


def test_an_anomaly_is_filled_and_filled_again() -> None:
    anomaly = Anomaly(id="a1", kind="disk", severity="low", measure="x", actual=0.0, expected=0.0, start=1.0)
    fill(anomaly, symptom("token_gap"), [Contributor("pair", "org/chat at gpu-1", 1.0)], [])
    assert (anomaly.model, anomaly.upstream, anomaly.response) == ("org/chat", "gpu-1", "token_path")
    assert (anomaly.kind, anomaly.deviation) == ("low_token_rate", 1.0)
    fill(anomaly, symptom("memory", 0.96), [Contributor("gauge", "memory", 1.0)], [])
    assert (anomaly.model, anomaly.upstream, anomaly.severity) == ("", "", "critical")


def test_what_is_late_elsewhere_does_not_make_a_rate_a_latency() -> None:
    anomaly = Anomaly(id="a1", kind="disk", severity="low", measure="x", actual=0.0, expected=0.0, start=1.0)
    gap = symptom("token_gap")._replace(scope=("code", None))
    whose = [Contributor("model", "code", 1.0)]
    for other, kind in (
        (symptom("first_token")._replace(scope=("chat", None)), "low_token_rate"),
        (symptom("first_token", off=3.2)._replace(scope=("code", None), sure=False), "low_token_rate"),
        (symptom("first_token", off=4.5)._replace(scope=("code", None), sure=False), "high_latency"),
    ):
        fill(anomaly, gap, whose, [gap, other])
        assert anomaly.kind == kind
    sure = gap._replace(off=17.0)
    fill(anomaly, sure, whose, [sure, symptom("first_token", off=4.5)._replace(scope=("code", None), sure=False)])
    assert anomaly.kind == "low_token_rate"  # beside tokens that are late beyond doubt that is chance


def test_what_else_changed_the_strongest_first() -> None:
    found = also([symptom("queue", off=5.0), symptom("calls", off=7.0), symptom("queue", off=9.0)], symptom("memory"))
    assert [one["measure"] for one in found] == ["queue", "calls"]
    assert found[0]["times"] == 2.0
    assert also([symptom("hit_rate")], symptom("memory"))[0]["times"] == 2.0
