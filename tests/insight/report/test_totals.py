import pytest

from penstock.core.windows import Group
from penstock.insight.report.totals import BUCKETS, Collected, Totals, percentiles, savings, summary, where
from tests.support.spans import call, failed, hit, window


def totals(*calls: object, **gauges: float) -> Totals:
    made = Totals()
    made.add(window(0, calls, gauges))  # type: ignore[arg-type]
    return made


def test_a_summary_tells_whose_fault_errors_are_and_what_is_largest() -> None:
    told = summary(totals(
        call(key="a"), call(key="a", cost=500), call(model="n", key="b", tags="team-1"), failed(), failed("caller"),
    ))  # fmt: skip
    assert told["calls"] == 5
    assert told["failed"] == 1
    assert told["faults"] == {"upstream": 1, "caller": 1}
    assert [row["name"] for row in told["models"]] == ["m", "n"]
    assert told["cost"] == 500
    assert [(row["name"], row["calls"]) for row in told["tags"]] == [("team-1", 1)]
    assert [row["name"] for row in told["errors"]] == ["upstream_failed"]
    assert told["calls_per_second"] == 0.5
    assert told["total"]["p50"] == pytest.approx(1.0, rel=0.03)


def test_the_sum_of_the_places_where_time_goes_is_the_time() -> None:
    parts = where(totals(call(queued=0.1, connecting=0.05, total=1.3)).whole)
    assert sum(parts.values()) == pytest.approx(1.3, abs=0.01)
    assert parts["generating"] == pytest.approx(1.1)
    assert where(Group())["other"] == 0.0


def test_what_the_cache_spared_is_the_difference_to_what_it_missed() -> None:
    told = savings(totals(hit(saved=40), hit(cache="coalesced", total=0.004), call(cache="miss", total=2.0), call()))
    assert told["hits"] == 2
    assert told["seconds"] == pytest.approx(2 * (2.0 - 0.003), abs=0.01)
    assert told["saved"] == 40
    assert told["hit_rate"] == pytest.approx(2 / 3, abs=1e-4)
    nothing = savings(totals(call()))
    assert (nothing["seconds"], nothing["hit_rate"]) == (0.0, None)


def test_gauges_have_a_mean() -> None:
    made = totals(call(), cpu=0.2)
    made.add(window(10, [], {"cpu": 0.4}))
    assert made.mean("cpu") == pytest.approx(0.3)
    assert made.mean("memory") is None


def test_windows_go_to_the_span_and_bucket_where_they_lie() -> None:
    collected = Collected(2400.0, 4800.0)
    for start in (-10.0, 0.0, 2390.0, 2400.0, 4790.0, 4800.0):
        collected.add(window(start, [call()]))
    assert collected.before.whole.calls == 2
    assert collected.now.whole.calls == 2
    assert [place for place, one in enumerate(collected.buckets) if one is not None] == [
        0, BUCKETS - 1, BUCKETS, 2 * BUCKETS - 1,
    ]  # fmt: skip
    assert "2 calls" in repr(collected)


def test_percentiles_of_nothing() -> None:
    assert percentiles({}) is None
