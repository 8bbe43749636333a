import pytest

from penstock.core.windows import GAUGES, SUMS, Part
from penstock.history.measures import BY_PART, BY_ROOM, FAULTS, MEASURES, Totals
from penstock.history.planes import lanes, planes_of

KNOWN = {
    "calls": 200, "streams": 100, "retried": 20, "hits": 30, "looked_up": 120, "tokens_in": 10_000, "tokens_out": 5000,
    "generating": 50_000_000, "total": 400_000_000, "prefill": 10_000_000, "cost": 2_000_000, "queued": 20_000_000,
    "tokens_cached": 2500,
}  # fmt: skip


def totals() -> Totals:
    one = Totals()
    one.numbers, one.faults, one.seconds = dict(KNOWN), {"upstream": 10, "gateway": 2, "caller": 4, "left": 6}, 20.0
    one.lanes = {"firsts": lanes(planes_of({0: 50, 10: 50}))}
    return one


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("calls", 200), ("calls_per_second", 10.0), ("error_share", 0.06), ("error_share_upstream", 0.05),
        ("error_share_gateway", 0.01), ("error_share_caller", 0.02), ("left_share", 0.03), ("stream_share", 0.5),
        ("retry_share", 0.1), ("hit_rate", 0.25), ("hit_share", 0.15), ("tokens_out_per_second", 250.0),
        ("token_rate", 100.0), ("total_mean", 2.0), ("prefill_mean", 0.1), ("queue_mean", 0.1), ("cost", 2.0),
        ("cost_per_hour", 360.0), ("cost_per_call", 0.01), ("token_cache_rate", 0.25), ("prompt_tokens", 50.0),
        ("ttft_p95", pytest.approx(1.46, rel=0.03)), ("ttft_p50", pytest.approx(0.98)), ("total_p50", None),
    ],
)  # fmt: skip
def test_values(name: str, value: float | None) -> None:
    assert MEASURES[name].value(totals()) == value


def test_where_there_was_nothing_there_is_no_number() -> None:
    nothing = Totals()
    kinds = [one for one in MEASURES.values() if one.of == "calls"]
    assert {one.value(nothing) for one in kinds} <= {None, 0}
    assert MEASURES["error_share"].value(nothing) is None


def test_every_measure_reads_what_there_is() -> None:
    for name, one in MEASURES.items():
        assert set(one.columns) <= {*SUMS, FAULTS}, name
        assert one.unit
        assert one.meaning
    assert set(GAUGES) | {f"{name}_peak" for name in GAUGES} == {n for n, one in MEASURES.items() if one.of == "gauge"}


def test_what_is_told_by_dimension_reads_parts() -> None:
    for one in BY_PART.values():
        assert set(one.columns) <= set(Part.__struct_fields__)
    assert {"calls_per_second", "error_share", "total_mean", "cost_per_hour", "hit_share"} <= set(BY_PART)
    assert "error_share_upstream" not in BY_PART
    assert set(BY_ROOM) == {"wait_mean"}
