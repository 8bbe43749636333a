import math

import pytest

from penstock.core.windows import Part, Window
from penstock.insight.anomalies.blame import blamed, cells, losses
from penstock.insight.anomalies.rows import GATEWAY, Scope
from penstock.insight.anomalies.track import Symptom
from penstock.insight.anomaly import Anomalies
from penstock.insight.anomaly_config import AnomalyConfig
from penstock.insight.contributors import Parts
from tests.support.series_of_windows import Quiet


def symptom(measure: str, scope: Scope = GATEWAY, key: str = "", span: int = 1) -> Symptom:
    return Symptom(measure, scope, 2.0, 1.0, math.log(2), 9.0, True, 0.0, key, span)


def parts_of(before: dict[str, dict[str, Part]], now: dict[str, dict[str, Part]]) -> Parts:
    parts = Parts()
    for number in range(60):
        parts.take(Window(number * 10.0, parts=before))
    for number in range(60, 66):
        parts.take(Window(number * 10.0, parts=now))
    return parts


def said(one: Symptom, parts: Parts | None = None) -> str:
    first = blamed(one, {}, parts or Parts())[0]
    return f"{first.dimension}={first.value}"


def test_what_names_itself() -> None:
    assert said(symptom("key_calls", key="k7")) == "key=k7"
    assert said(symptom("dark", (None, "gpu-1"))) == "upstream=gpu-1"
    assert said(symptom("loop_lag")) == "gauge=loop_lag"
    assert said(symptom("calls", ("chat", None))) == "model=chat"
    assert said(symptom("first_token")) == "gateway=all"


def test_hits_that_a_key_does_not_make() -> None:
    before = {
        "key": {"a": Part(calls=50, hits=40), "b": Part(calls=10, hits=0)},
        "cache": {"hit-exact": Part(calls=40, hits=40)},
    }
    other_mix = {
        "key": {"a": Part(calls=50, hits=40), "b": Part(calls=200, hits=0)},
        "cache": {"hit-exact": Part(calls=40, hits=40)},
    }
    lost = {
        "key": {"a": Part(calls=50, hits=5), "b": Part(calls=10, hits=0)},
        "cache": {"hit-exact": Part(calls=5, hits=5)},
    }
    assert said(symptom("hit_rate"), parts_of(before, other_mix)) == "key=b"
    assert said(symptom("hit_rate"), parts_of(before, lost)) == "cache=hit-exact"
    assert said(symptom("hit_rate")) == "cache=miss"


def test_longer_prompts_of_all_of_one_key_or_another_mix() -> None:
    def window(a: int, b: int, calls: int = 30, long: int = 0) -> dict[str, dict[str, Part]]:
        bands = {"1024": Part(calls=60 - long), "4096": Part(calls=long)}
        return {"key": {"a": Part(calls=30, tokens_in=a), "b": Part(calls=calls, tokens_in=b)}, "prompt": bands}

    before = window(30_000, 30_000)
    assert said(symptom("prompt_tokens"), parts_of(before, window(60_000, 60_000, long=40))) == "prompt=4096"
    assert said(symptom("prompt_tokens"), parts_of(before, window(30_000, 150_000, long=30))) == "key=b"
    uneven = window(30_000, 300_000)
    assert said(symptom("prompt_tokens"), parts_of(uneven, window(30_000, 3_000_000, calls=300))) == "key=b"


def test_traffic_of_one_key_and_of_all() -> None:
    before = {"key": {"a": Part(calls=30), "b": Part(calls=30)}}
    one = {"key": {"a": Part(calls=30), "b": Part(calls=300)}}
    less = {"key": {"a": Part(calls=6), "b": Part(calls=6)}}
    assert said(symptom("calls"), parts_of(before, one)) == "key=b"
    assert said(symptom("calls"), parts_of(before, less)) == "gateway=all"


def test_errors_by_their_code() -> None:
    before = {"error": {"x": Part(calls=1, failed=1), "y": Part(calls=1, failed=1)}}
    now = {"error": {"x": Part(calls=1, failed=1), "y": Part(calls=50, failed=50)}}
    assert said(symptom("gateway_errors"), parts_of(before, now)) == "error=y"


@pytest.fixture(scope="module")
def slowed() -> Anomalies:
    found, quiet = Anomalies(AnomalyConfig()), Quiet(4)
    for _ in range(150):
        found.take(quiet.next())
    quiet.slow, quiet.errors = {"gpu-1": 2.0}, {"gpu-2": 0.5}
    for _ in range(4):
        found.take(quiet.next())
    return found


def test_times_and_errors_by_where_the_calls_went(slowed: Anomalies) -> None:
    for measure, upstream in (("first_token", "gpu-1"), ("token_gap", "gpu-1"), ("upstream_errors", "gpu-2")):
        first = blamed(symptom(measure), slowed.scopes, slowed.parts)[0]
        assert (first.dimension, first.value) == ("upstream", upstream)
    assert len(cells("first_token", slowed.scopes, 1)) == 4


def test_who_lost_its_calls_is_why_others_are_retried() -> None:
    found, quiet = Anomalies(AnomalyConfig()), Quiet(6)
    for _ in range(150):
        found.take(quiet.next())
    for _ in range(12):
        window = quiet.next()
        for group in window.groups:
            if group.upstream == "gpu-2":
                group.calls //= 3
        found.take(window)
    lost = losses(found.scopes)
    had, has = lost["gpu-2"]
    assert has < 0.5 * had
    had, has = lost["gpu-1"]
    assert has > 0.9 * had
    first = blamed(symptom("retried"), found.scopes, found.parts)[0]
    assert (first.dimension, first.value) == ("upstream", "gpu-2")
