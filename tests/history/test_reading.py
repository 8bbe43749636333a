import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.sheaves import HITS
from penstock.core.sketch import ACCURACY
from penstock.core.windows import PROMPT_BANDS, SPAN, Window
from penstock.history.asking import question_of
from penstock.history.former import columns_of
from penstock.history.packing import Packed, packed
from penstock.history.reading import MOST_KEPT, Fold
from tests.support.formerly import formerly
from tests.support.happenings import CALLS, SPANS, Call, windows_of
from tests.support.windows import finished, window_of

START = 1_800_000_000.0
NOW = START + 60
KEPT = {"ten_seconds": 6 * 3600.0, "minute": 3 * 86_400.0, "hour": 400 * 86_400.0}


def folded(**asked: Any) -> Fold:
    return Fold(question_of({"since": str(START), "until": str(NOW), "step": "20s", **asked}, NOW, KEPT))


def told(*windows: Window | tuple[Window, int], **asked: Any) -> dict[str, Any]:
    fold = folded(**asked)
    for one in windows:
        window, host = one if isinstance(one, tuple) else (one, 0)
        fold.add(Packed(packed(window, fold.wanted)), host)
    return fold.answer(list(fold.series()))


def points(answer: dict[str, Any]) -> dict[str, dict[str, list[float | None]]]:
    return {one["name"]: one["points"] for one in answer["series"]}


EAST = finished()
WEST = finished(upstream="west", total=4.0)
SMALL = finished(model="small", upstream="west", fault="upstream", error="upstream_timeout")


SUMS = "calls,calls_per_second,total_mean,cost,saved_per_hour,prompt_tokens,hit_share"
OF_GROUPS = f"{SUMS},error_share,error_share_caller,total_p50,total_p95,ttft_p99"
ASKED: list[dict[str, str]] = [
    {}, {"model": "large"}, {"upstream": "east"}, {"operation": "chat", "model": "small"}, {"by": "model"},
    {"by": "upstream"}, {"by": "operation"}, {"by": "upstream", "model": "large"}, {"by": "model", "upstream": "west"},
    {"by": "model", "model": "tiny"}, {"dimension": "key"}, {"dimension": "tag"}, {"dimension": "prompt"},
    {"dimension": "cache"},
]  # fmt: skip


def series_of(call: Call, asked: dict[str, str]) -> str | None:
    """The series that it belongs to."""
    if "dimension" in asked:
        values = {"key": call.told.key, "tag": call.told.tags, "cache": call.told.cache}
        bands = (str(bound) for bound in PROMPT_BANDS if call.told.tokens_in <= bound)
        return values.get(asked["dimension"], next(bands, "more")) or None
    if any(getattr(call.told, name) != asked[name] for name in ("model", "upstream", "operation") if name in asked):
        return None
    return str(getattr(call.told, asked["by"])) if "by" in asked else ""


def of_calls(calls: list[Call], seconds: float) -> dict[str, float]:
    """What is told of these, by looking at each of them."""
    facts = [call.told for call in calls]
    number = len(facts) or math.nan
    return {
        "calls": len(facts),
        "calls_per_second": len(facts) / seconds,
        "total_mean": sum(one.total for one in facts) / number,
        "cost": sum(one.cost for one in facts) / 1e6,
        "saved_per_hour": sum(one.saved for one in facts) / 1e6 * 3600 / seconds,
        "prompt_tokens": sum(one.tokens_in for one in facts) / number,
        "hit_share": sum(one.cache in HITS for one in facts) / number,
        "error_share": sum(one.fault in ("gateway", "upstream") for one in facts) / number,
        "error_share_caller": sum(one.fault == "caller" for one in facts) / number,
        "total_p50": ranked([one.total for one in facts if not one.fault], 0.5),
        "total_p95": ranked([one.total for one in facts if not one.fault], 0.95),
        "ttft_p99": ranked(
            [one.first_byte for one in facts if one.stream and not one.fault and one.cache not in HITS], 0.99
        ),
    }


def ranked(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))] if values else math.nan


@given(CALLS, st.sampled_from(ASKED), st.sampled_from([packed, formerly]))
def test_what_is_told_is_what_looking_at_each_call_gives(calls: list[Call], asked: dict[str, str], how: Any) -> None:
    """Sums to the rounding, quantiles within the accuracy of the sketches, however the windows are packed."""
    measures = SUMS if "dimension" in asked else OF_GROUPS
    fold = folded(measures=measures, **asked)
    for host, window in windows_of(calls, (0, 0), (1, 5)):
        columns = packed(window, fold.wanted) if how is packed else columns_of(formerly(window), fold.wanted)
        fold.add(Packed(columns), host)
    answer = fold.answer(list(fold.series()))
    expected: dict[str, list[Call]] = {} if asked.keys() & {"by", "dimension"} else {"": []}
    for call in calls:
        if (name := series_of(call, asked)) is not None:
            expected.setdefault(name, []).append(call)
    assert {one["name"]: one["calls"] for one in answer["series"]} == {name: len(of) for name, of in expected.items()}
    places = {(call.host, call.span) for call in calls} | {(0, 0), (1, 5)}
    for one in answer["series"]:
        for step in range(SPANS // 2):
            known = [host for host, span in places if span // 2 == step]
            those = [call for call in expected[one["name"]] if call.span // 2 == step]
            values = of_calls(those, SPAN * max(map(known.count, (0, 1)))) if known else {}
            for name, points in one["points"].items():
                value, close = values.get(name, math.nan), ACCURACY if name[-3:-2] == "p" else 1e-5
                assert points[step] == (
                    None if math.isnan(value) else pytest.approx(value, rel=1.001 * close, abs=1e-5)
                ), name


def test_points_with_none_for_gaps() -> None:
    answer = told(
        window_of(START, EAST, EAST), window_of(START + 10), window_of(START + 50, EAST, SMALL),
        measures="calls,calls_per_second,error_share,ttft_p50",
    )  # fmt: skip
    assert answer["times"] == [START, START + 20, START + 40]
    assert (answer["step"], answer["read"], answer["left_out"]) == (20.0, "ten_seconds", 0)
    assert answer["measures"]["ttft_p50"] == {
        "unit": "s", "meaning": "time to the first byte of streams that an upstream answered, which 50 % were within",
    }  # fmt: skip
    assert points(answer) == {
        "": {
            "calls": [2, None, 2],
            "calls_per_second": [0.1, None, 0.2],  # of the last step half is known
            "error_share": [0.0, None, 0.5],
            "ttft_p50": [pytest.approx(0.5, rel=0.02), None, pytest.approx(0.5, rel=0.02)],
        }
    }


def test_a_step_without_calls_is_no_gap() -> None:
    answer = told(window_of(START), measures="calls_per_second,ttft_p50")
    assert points(answer)[""] == {"calls_per_second": [0.0, None, None], "ttft_p50": [None, None, None]}


@pytest.mark.parametrize(
    ("asked", "calls"),
    [
        ({"by": "model"}, {"large": 3, "small": 1}),
        ({"by": "upstream"}, {"east": 2, "west": 2}),
        ({"by": "operation"}, {"chat": 4}),
        ({"by": "upstream", "model": "large"}, {"east": 2, "west": 1}),
        ({"by": "model", "model": "small"}, {"small": 1}),
        ({"by": "model", "upstream": "west"}, {"large": 1, "small": 1}),
        ({"model": "large"}, {"": 3}),
        ({"upstream": "west"}, {"": 2}),
        ({"model": "large", "upstream": "east"}, {"": 2}),
        ({"operation": "chat"}, {"": 4}),
        ({"operation": "embeddings"}, {"": 0}),
        ({"by": "model", "operation": "chat"}, {"large": 3, "small": 1}),
        ({}, {"": 4}),
    ],
)
def test_by_and_of(asked: dict[str, str], calls: dict[str, int]) -> None:
    """The same whether sums are kept for it, or the groups are added up."""
    answer = told(window_of(START, EAST, EAST, WEST, SMALL), measures="calls", **asked)
    assert {name: series["calls"][0] for name, series in points(answer).items()} == calls
    assert {one["name"]: one["calls"] for one in answer["series"]} == calls


def test_a_model_alone_at_an_upstream_and_later_not() -> None:
    answer = told(window_of(START, SMALL), window_of(START + 20, EAST, SMALL, WEST), measures="calls", by="model")
    assert points(answer) == {"small": {"calls": [1, 1, None]}, "large": {"calls": [0, 2, None]}}


def test_quantiles_are_of_all_that_is_put_together() -> None:
    answer = told(window_of(START, *[EAST] * 9), window_of(START + 10, WEST), measures="total_p50,total_p99")
    assert points(answer)[""]["total_p50"][0] == pytest.approx(2.0, rel=0.02)
    assert points(answer)[""]["total_p99"][0] == pytest.approx(2.0, rel=0.02)
    answer = told(window_of(START, EAST), window_of(START + 10, WEST, WEST), measures="total_p50")
    assert points(answer)[""]["total_p50"][0] == pytest.approx(4.0, rel=0.02)


def test_gauges() -> None:
    answer = told(
        window_of(START, gauges={"cpu": 0.2, "disk_free": 0.9}), window_of(START + 10, gauges={"cpu": 0.4}),
        measures="cpu,cpu_peak,disk_free,disk_free_peak,memory",
    )  # fmt: skip
    assert points(answer)[""] == {
        "cpu": [0.3, None, None], "cpu_peak": [0.4, None, None], "disk_free": [0.9, None, None],
        "disk_free_peak": [0.9, None, None], "memory": [None, None, None],
    }  # fmt: skip


def test_hosts_stand_beside_each_other() -> None:
    one = window_of(START, EAST, gauges={"in_flight": 3, "cpu": 0.5})
    other = window_of(START, EAST, WEST, gauges={"in_flight": 4, "cpu": 0.7})
    answer = told((one, 0), (other, 1), (window_of(START + 10, EAST), 0), measures="calls_per_second,in_flight,cpu")
    assert points(answer)[""] == {
        "calls_per_second": [0.2, None, None], "in_flight": [7, None, None], "cpu": [0.7, None, None],
    }  # fmt: skip


def test_feedback() -> None:
    window = window_of(START, EAST)
    window.feedback = {"large": (2, 1.5), "small": (2, 0.5)}
    assert points(told(window, measures="score"))[""] == {"score": [0.5, None, None]}


def test_values_of_a_dimension() -> None:
    keys = [finished(key=f"k{number % 3}", cost=3_600) for number in range(5)]
    answer = told(window_of(START, *keys), measures="calls,cost_per_hour", dimension="key", top="2")
    assert points(answer) == {
        "k0": {"calls": [2, None, None], "cost_per_hour": [2.592, None, None]},
        "k1": {"calls": [2, None, None], "cost_per_hour": [2.592, None, None]},
    }
    assert (answer["left_out"], answer["by"]) == (1, "key")


def test_what_rooms_made_calls_wait() -> None:
    waits = [finished(waits={"queue": 0.5, "batching": 0.1}), EAST]
    answer = told(window_of(START, EAST, EAST), window_of(START + 10, *waits), dimension="room")
    assert points(answer) == {
        "queue": {"wait_mean": [0.125, None, None]}, "batching": {"wait_mean": [0.025, None, None]},
    }  # fmt: skip


def test_what_is_outside_is_not_told() -> None:
    answer = told(window_of(START - 10, EAST), window_of(NOW, EAST), measures="calls")
    assert points(answer)[""] == {"calls": [None, None, None]}


def test_only_what_is_asked_for_is_read() -> None:
    assert folded(measures="calls").wanted == ("head",)
    assert folded(measures="ttft_p95,ttft_p50,total_p50", by="model").wanted == ("head", "firsts", "totals")
    assert folded(dimension="key").wanted == ("head", "key")
    assert folded(dimension="room").wanted == ("head", "rest")
    assert folded(measures="cpu,calls").wanted == ("head", "rest")


def test_windows_with_other_names_make_the_same_series() -> None:
    one = window_of(START, finished(key="k1"), finished(key="k2"))
    other = window_of(START + 10, finished(key="k2"), finished(key="k3"))
    answer = told(one, other, measures="calls", dimension="key")
    assert points(answer) == {
        "k1": {"calls": [1, None, None]}, "k2": {"calls": [2, None, None]}, "k3": {"calls": [1, None, None]},
    }  # fmt: skip


def test_of_too_many_values_the_later_ones_are_told_together() -> None:
    many = window_of(START, *[finished(key=f"v{number:03}") for number in range(MOST_KEPT)] * 2)
    late = [finished(key="v000"), *[finished(key="x1")] * 3, *[finished(key="x2")] * 500]
    answer = told(many, window_of(START + 20, *late), measures="calls", dimension="key", top="2")
    assert points(answer) == {"other": {"calls": [0, 503, None]}, "v000": {"calls": [2, 1, None]}}
    assert answer["left_out"] == MOST_KEPT + 1 - 2


def test_series_are_bounded() -> None:
    models = [finished(model=f"m{number}") for number in range(MOST_KEPT + 20)]
    answer = told(window_of(START, *models), measures="calls", by="model", top="50")
    assert len(answer["series"]) == 50
    assert answer["series"][0]["name"] == "other"
    assert answer["series"][0]["calls"] == 20
    assert answer["left_out"] == MOST_KEPT + 1 - 50
