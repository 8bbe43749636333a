import json

import pytest

from penstock.insight.report.report import report
from penstock.insight.report.totals import Collected
from tests.support.spans import call, window


def collected(before: float, now: float, cost: tuple[int, int] = (0, 0)) -> Collected:
    made = Collected(24_000.0, 48_000.0)
    for place in range(48):
        later = place >= 24
        made.add(window(1000.0 * place, [call(total=now if later else before, cost=cost[later])] * 4))
    return made


def test_it_is_json_and_says_what_is_absent() -> None:
    told = report(collected(1.0, 1.0), {"bottlenecks": []}, {"anomalies": "not installed"}, 50_000.0)
    assert json.loads(json.dumps(told)) == told
    assert (told["since"], told["until"], told["generated_at"]) == (24_000.0, 48_000.0, 50_000.0)
    assert told["covered_seconds"] == 240.0
    assert told["absent"] == {"anomalies": "not installed"}
    assert told["savings"]["faster"] is None


def test_faster_is_cheaper() -> None:
    faster = report(collected(2.0, 1.0, (300, 200)), {}, {}, 0.0)["savings"]["faster"]
    assert faster["seconds_a_call"] == pytest.approx(1.0)
    assert faster["seconds"] == pytest.approx(96.0)
    assert faster["cost"] == 9600
    slower = report(collected(1.0, 2.0), {}, {}, 0.0)["savings"]["faster"]
    assert (slower["seconds_a_call"], slower["cost"]) == (-1.0, 0)


def test_curves_are_both_spans_and_those_of_nothing_are_left_out() -> None:
    curves = {one["name"]: one for one in report(collected(1.0, 2.0), {}, {}, 0.0)["curves"]}
    assert set(curves) == {"calls", "ttft_p95", "total_p95"}
    assert len(curves["calls"]["values"]) == 48
    assert curves["total_p95"]["values"][0] < curves["total_p95"]["values"][-1]
    assert curves["calls"]["start"] == 0.0
