from typing import Any

import pytest

from penstock.core.windows import Window
from penstock.history.asking import question_of
from penstock.history.packing import Packed, packed
from penstock.history.reading import MOST_KEPT, Fold
from tests.support.windows import finished, window_of

START = 1_800_000_000.0
NOW = START + 60
KEPT = {"ten_seconds": 6 * 3600.0, "minute": 3 * 86_400.0, "hour": 400 * 86_400.0}


def told(*windows: Window | tuple[Window, int], **asked: Any) -> dict[str, Any]:
    question = question_of({"since": str(START), "until": str(NOW), "step": "20s", **asked}, NOW, KEPT)
    fold = Fold(question)
    for one in windows:
        window, host = one if isinstance(one, tuple) else (one, 0)
        fold.add(Packed(packed(window)), host)
    return fold.answer()


def points(answer: dict[str, Any]) -> dict[str, dict[str, list[float | None]]]:
    return {one["name"]: one["points"] for one in answer["series"]}


EAST = finished()
WEST = finished(upstream="west", total=4.0)
SMALL = finished(model="small", upstream="west", fault="upstream", error="upstream_timeout")


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


def test_series_are_bounded() -> None:
    models = [finished(model=f"m{number}") for number in range(MOST_KEPT + 20)]
    answer = told(window_of(START, *models), measures="calls", by="model", top="50")
    assert len(answer["series"]) == 50
    assert answer["series"][0]["name"] == "other"
    assert answer["series"][0]["calls"] == 20
    assert answer["left_out"] == MOST_KEPT + 1 - 50
