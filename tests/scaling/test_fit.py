import math
from typing import Any

import pytest

from penstock.scaling.advice import MIB, Advice
from penstock.scaling.fit import Fit, fits
from penstock.scaling.size import Size

BOUNDS = {"slots": (2, 16), "context": (1024, 16_384), "cpu": (0.5, 8), "memory": (256 * MIB, 8192 * MIB)}


def one(size: Size, longest: float = math.inf, **more: Any) -> Advice:
    (told,) = fits("gpu", Fit(size, **{"bounds": BOUNDS, "calls": 1000, "hours": 24.0} | more), longest)
    return told


@pytest.mark.parametrize(
    ("slots", "peak", "wanted", "does"), [(4, 2.0, 4, "keep"), (4, 5.0, 7, "more"), (16, 1.0, 2, "less")]
)
def test_slots_by_the_calls_that_were_at_one(slots: int, peak: float, wanted: int, does: str) -> None:
    told = one(Size(slots=slots), peak=peak)
    assert (told.of, told.wanted, told.does, told.by) == ("pool gpu slots", wanted, does, "apply")
    assert (told.pool, told.size) == ("gpu", Size(slots=wanted))
    assert f"{peak:.1f} calls" in told.reason


@pytest.mark.parametrize(
    ("context", "longest", "wanted", "does"),
    [(4096, 4096.0, 4608, "more"), (16_384, 1024.0, 1536, "less"), (2048, 1024.0, 2048, "keep")],
)
def test_context_by_the_prompts_that_came(context: int, longest: float, wanted: int, does: str) -> None:
    told = one(Size(context=context), longest, answer=100.0)
    assert (told.wanted, told.does) == (wanted, does)


@pytest.mark.parametrize(
    ("cpu", "used", "wanted", "does"), [(2.0, 1.9, 3.2, "more"), (2.0, 1.0, 2.0, "keep"), (4.0, 0.3, 0.5, "less")]
)
def test_cpu_by_what_the_busiest_used(cpu: float, used: float, wanted: float, does: str) -> None:
    told = one(Size(cpu=cpu), use=Size(cpu=used))
    assert (told.wanted, told.does) == (wanted, does)


@pytest.mark.parametrize(
    ("memory", "held", "wanted", "does"),
    [(1024, 900, 1152, "more"), (1024, 500, 1024, "keep"), (2048, 300, 384, "less")],
)
def test_memory_by_what_the_fullest_held(memory: int, held: int, wanted: int, does: str) -> None:
    told = one(Size(memory=memory * MIB), use=Size(memory=held * MIB))
    assert (told.wanted / MIB, told.does, told.unit) == (wanted, does, "bytes")


def test_less_is_said_of_a_days_work_only() -> None:
    assert one(Size(cpu=4.0), use=Size(cpu=0.3), hours=3.0).does == "keep"
    assert one(Size(memory=2048 * MIB), use=Size(memory=300 * MIB), hours=3.0).does == "keep"
    assert one(Size(cpu=2.0), use=Size(cpu=1.9), hours=1.0).does == "more"


def test_no_advice_leaves_the_bounds_and_what_is_right_is_left_alone() -> None:
    told = one(Size(slots=8), peak=40.0)
    assert (told.wanted, told.does) == (16, "more")
    assert told.reason.endswith("; 52 would be right, beyond its bounds")
    at_the_bound = one(Size(slots=16), peak=40.0)
    assert (at_the_bound.does, "beyond its bounds" in at_the_bound.reason) == ("keep", True)
    assert one(Size(slots=32), peak=30.0).does == "less", "a size beyond the bounds comes back into them"
    assert one(Size(slots=32), peak=20.0).does == "keep"


def test_of_what_is_not_known_or_has_no_bounds_nothing_is_said() -> None:
    size = Size(cpu=1.0, memory=MIB, slots=4, context=2048)
    assert list(fits("gpu", Fit(size, BOUNDS), math.inf)) == []
    known = Fit(size, {}, Size(cpu=9.0, memory=9 * MIB), 24.0, 40.0, 1000, 100.0)
    assert list(fits("gpu", known, 4096.0)) == []
    few = Fit(size, BOUNDS, Size(), 24.0, 40.0, 99, 100.0)
    assert list(fits("gpu", few, 4096.0)) == []


def test_the_config_line_that_makes_it_last_and_who_does_it() -> None:
    told = one(Size(slots=4), peak=5.0, own="upstreams: {gpu: {%s}}", auto=True)
    assert (told.setting, told.by) == ("upstreams: {gpu: {slots: 7}}", "pool")
