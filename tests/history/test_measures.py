import pytest

from penstock.core.windows import GAUGES, SUMS, Part
from penstock.history.measures import BY_PART, BY_ROOM, MEASURES, Curve
from penstock.history.packing import FAULTS
from penstock.history.planes import pile_of, sketched

KNOWN = {
    "calls": 200, "streams": 100, "retried": 20, "hits": 30, "looked_up": 120, "tokens_in": 10_000, "tokens_out": 5000,
    "generating": 50_000_000, "total": 400_000_000, "prefill": 10_000_000, "cost": 2_000_000, "queued": 20_000_000,
    "tokens_cached": 2500,
}  # fmt: skip
FAILED = {"faults_upstream": 10, "faults_gateway": 2, "faults_caller": 4, "faults_left": 6}


def curve() -> Curve:
    """Of two steps, in the second of which no call was."""
    one = Curve([20.0, 10.0])
    one.numbers = {name: [number, 0] for name, number in (KNOWN | FAILED).items()}
    one.piles("firsts")[0] = pile_of(sketched({0: 50, 10: 50}))
    return one


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("calls", 200), ("calls_per_second", 10.0), ("error_share", 0.06), ("error_share_upstream", 0.05),
        ("error_share_gateway", 0.01), ("error_share_caller", 0.02), ("left_share", 0.03), ("stream_share", 0.5),
        ("retry_share", 0.1), ("hit_rate", 0.25), ("hit_share", 0.15), ("tokens_out_per_second", 250.0),
        ("token_rate", pytest.approx(100.0)), ("total_mean", 2.0), ("prefill_mean", 0.1), ("queue_mean", 0.1),
        ("cost", 2.0), ("cost_per_hour", 360.0), ("cost_per_call", 0.01), ("token_cache_rate", 0.25),
        ("prompt_tokens", 50.0),
        ("ttft_p95", pytest.approx(1.46, rel=0.03)), ("ttft_p50", pytest.approx(0.98)), ("total_p50", None),
    ],
)  # fmt: skip
def test_values(name: str, value: float | None) -> None:
    assert MEASURES[name].value(curve())[0] == value


def test_where_there_was_nothing_there_is_no_number() -> None:
    kinds = [one for one in MEASURES.values() if one.of == "calls"]
    for one in (curve(), Curve([0.0, 0.0])):
        assert {kind.value(one)[1] for kind in kinds} <= {None, 0}
        assert MEASURES["error_share"].value(one)[1] is None


def test_a_gauge_that_was_not_read() -> None:
    one = curve()
    one.gauges["cpu"] = [0.5, None]
    assert MEASURES["cpu"].value(one) == [0.5, None]
    assert MEASURES["memory"].value(one) == [None, None]


def test_every_measure_reads_what_there_is() -> None:
    for name, one in MEASURES.items():
        assert set(one.columns) <= {*SUMS, *FAULTS}, name
        assert len(one.value(curve())) == 2, name
        assert one.unit
        assert one.meaning
    assert set(GAUGES) | {f"{name}_peak" for name in GAUGES} == {n for n, one in MEASURES.items() if one.of == "gauge"}


def test_what_is_told_by_dimension_reads_parts() -> None:
    for one in BY_PART.values():
        assert set(one.columns) <= set(Part.__struct_fields__)
    assert {"calls_per_second", "error_share", "total_mean", "cost_per_hour", "hit_share"} <= set(BY_PART)
    assert "error_share_upstream" not in BY_PART
    assert set(BY_ROOM) == {"wait_mean"}
