import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.scaling.advice import MIB, Advice
from penstock.scaling.fit import Fit
from penstock.scaling.size import Size
from penstock.scaling.sizing import Measured, Sized, Slots, advice


def one(**measured: Any) -> Advice:
    (told,) = advice(Measured(hours=24, **{"workers": 2, "cores": 8} | measured))
    return told


def sized(**more: Any) -> Sized:
    return Sized(
        **{"now": 2, "peak": 3, "least": 1, "most": 9, "expected": None, "carries": 100.0, "load": 180.0} | more
    )


def test_nothing_measured_is_no_advice() -> None:
    assert advice(Measured(hours=0, workers=2, cores=8, pools={"new": sized(carries=0.0)})) == []


@pytest.mark.parametrize(
    ("cpu", "cores", "wanted", "does", "by"),
    [
        (0.5, 8, 2, "keep", "restart"),
        (0.95, 8, 4, "more", "restart"),
        (0.95, 3, 3, "more", "person"),
        (0.95, 1, 2, "keep", "person"),
        (0.1, 8, 1, "less", "restart"),
    ],
)  # fmt: skip
def test_workers_by_what_the_busiest_used(cpu: float, cores: int, wanted: int, does: str, by: str) -> None:
    told = one(cpu=cpu, cores=cores)
    assert (told.of, told.wanted, told.does, told.by) == ("gateway workers", wanted, does, by)
    assert told.setting == f"listen: {{workers: {wanted}}}"
    assert f"{cpu:.0%}" in told.reason


def test_a_short_while_never_says_that_less_would_do() -> None:
    (short,) = advice(Measured(hours=2, workers=4, cores=8, cpu=0.1))
    assert (short.does, short.wanted, short.setting) == ("keep", 4, "")
    assert "2.0 hours are too few" in short.reason
    (busy,) = advice(Measured(hours=0.5, workers=2, cores=8, cpu=0.95))
    assert busy.does == "more", "that more is needed is seen at once"


def test_one_worker_that_idles_stays() -> None:
    assert one(cpu=0.01, workers=1).does == "keep"


@pytest.mark.parametrize(("resident", "wanted"), [(500, 1024), (900, 1152), (100, 128)])
def test_memory_with_a_quarter_to_spare(resident: int, wanted: int) -> None:
    told = one(resident=resident * MIB, limit=1024.0 * MIB)
    assert (told.of, told.wanted / MIB) == ("gateway memory", wanted)


@pytest.mark.parametrize(
    ("cpu", "resident", "wanted", "does"),
    [(0.2, 300, 640, "less"), (0.9, 300, 2688, "more"), (0.55, 300, 2048, "keep"), (None, 1800, 2304, "more")],
)
def test_a_function_is_sized_by_what_it_holds_and_computes(
    cpu: float | None, resident: int, wanted: int, does: str
) -> None:
    told = one(cpu=cpu, resident=resident * MIB, limit=2048.0 * MIB, lambda_mib=2048)
    assert (told.of, told.wanted, told.does) == ("lambda memory", wanted, does)
    assert told.setting == f"penstock deploy aws --memory {wanted}"


def test_slots_by_how_many_calls_were_there() -> None:
    def slots(**more: Any) -> Advice:
        return one(upstreams={"gpu": Slots(**{"configured": 64, "instances": 2, "peak": 40.0, "calls": 1000} | more)})

    assert slots().does == "keep"
    assert (slots(peak=80.0).wanted, slots(peak=80.0).setting) == (104, "upstreams: {gpu: {capacity: 104}}")
    assert slots(peak=3.0).wanted == 4
    limited = slots(peak=80.0, limited=True)
    assert (limited.does, "a replica more" in limited.reason) == ("keep", True)
    assert advice(Measured(24, 2, 8, upstreams={"gpu": Slots(64, 1, 80.0, 10)})) == [], "ten calls prove nothing"


def test_context_by_the_prompts_that_came() -> None:
    def context(now: int, prompts: dict[float, int]) -> list[Advice]:
        upstreams = {"own": Slots(4, 1, 0.0, 1000, context=now, answer=100.0)}
        return advice(Measured(24, 2, 8, prompts=prompts, upstreams=upstreams))

    (short,) = context(2048, {1024.0: 990, 4096.0: 10})
    assert (short.of, short.wanted, short.does) == ("upstream own context", 4608, "more")
    (long,) = context(32_768, {256.0: 100, 1024.0: 900})
    assert (long.wanted, long.does) == (1536, "less")
    (right,) = context(2048, {1024.0: 1000})
    assert right.does == "keep"
    assert context(2048, {1024.0: 900, math.inf: 100}) == [], "nobody knows how long the longest are"
    assert context(2048, {1024.0: 9}) == []


def test_pools_now_and_with_the_forecast() -> None:
    told = one(pools={"gpu": sized(price=2.5)})
    assert (told.wanted, told.does, told.by) == (2, "keep", "pool")
    assert told.evidence["dollars_an_hour"] == 5.0
    ahead = one(pools={"gpu": sized(expected=5)})
    assert (ahead.wanted, ahead.by) == (5, "pool")
    assert "5 will do for the next hour" in ahead.reason
    small = one(pools={"gpu": sized(expected=12)})
    assert (small.wanted, small.by, small.setting) == (9, "reload", "scaling: {pools: {gpu: {max: 12}}}")
    assert one(pools={"gpu": sized(follows=False, expected=5)}).by == "person"


@settings(max_examples=50)
@given(st.floats(0, 1.0), st.integers(1, 64), st.integers(1, 64), st.floats(0, 1e12), st.floats(1, 1e12))
def test_whatever_was_measured_there_is_an_answer(
    cpu: float, workers: int, cores: int, resident: float, limit: float
) -> None:
    for told in advice(Measured(24, workers, cores, cpu, resident, limit)):
        assert told.wanted > 0
        assert (told.does == "keep") == (told.wanted == told.now)


def test_a_function_that_is_a_pool_of_ours_can_be_resized_within_its_bounds() -> None:
    def told(**bounds: tuple[float, float]) -> Advice:
        fit = Fit(Size(memory=2048 * MIB), bounds)
        pools = {"own": sized(carries=0.0, fit=fit)}
        return one(resident=900.0 * MIB, cpu=1.0, lambda_mib=1024, lambda_pool="own", pools=pools)

    may = told(memory=(512.0 * MIB, 2048.0 * MIB))
    assert (may.wanted, may.by, may.pool, may.size) == (2048, "apply", "own", Size(memory=2048 * MIB))
    assert may.reason.endswith("; 3008 would be right, beyond its bounds")
    assert (told().by, told().pool) == ("person", "")


def test_what_is_told_of_a_pool_is_not_told_of_its_upstream_again() -> None:
    fit = Fit(Size(slots=4, context=2048), {"slots": (1, 64), "context": (128, 8192)}, Size(), 24.0, 9.0, 1000, 100.0)
    told = advice(
        Measured(
            24, 2, 8, prompts={4096.0: 1000}, upstreams={"own": Slots(64, 1, 40.0, 1000, context=2048, answer=100.0)},
            pools={"own": sized(carries=0.0, fit=fit)},
        )
    )  # fmt: skip
    assert [(one.of, one.wanted) for one in told] == [
        ("upstream own slots", 64), ("pool own slots", 12), ("pool own context", 4608),
    ]  # fmt: skip


def test_a_pool_that_resizes_by_itself_is_patient_too() -> None:
    fit = Fit(Size(slots=64), {"slots": (1, 64)}, Size(), 2.0, 1.0, 1000, auto=True)
    (told,) = advice(Measured(2.0, 2, 8, pools={"own": sized(carries=0.0, fit=fit)}))
    assert (told.does, told.by) == ("keep", "pool")
