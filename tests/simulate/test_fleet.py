import random

import pytest

from penstock.simulate.fleet import capacity, fleet
from penstock.simulate.hardware import ENGINES, Engine
from penstock.simulate.traces import Row, Trace

ENGINE = ENGINES["qwen3-32b"]


def test_kinds_of_hardware() -> None:
    equal, mixed, degraded = (fleet(ENGINE, 8, kind, random.Random(3)) for kind in ("equal", "mixed", "degraded"))
    assert (equal.speeds, equal.falls, equal.total) == ([1.0] * 8, None, 8.0)
    assert sorted(mixed.speeds) == [0.3, 0.3, 0.5, 0.5, 0.8, 0.8, 1.0, 1.0]
    assert degraded.falls in range(8)
    assert degraded.total == pytest.approx(7 + 1 / 3)
    assert mixed.speeds == fleet(ENGINE, 8, "mixed", random.Random(3)).speeds
    with pytest.raises(ValueError, match="none of equal"):
        fleet(ENGINE, 8, "odd", random.Random(3))


def test_capacity_of_what_is_all_prefill() -> None:
    engine = Engine("plain", 0.0, 0.0, 0.0, 0.001, 1e12, 1000, 4, 10_000)
    trace = Trace("t", [Row(float(at), 200, 1) for at in range(1000)])
    assert capacity(trace, engine) == pytest.approx(5.0, rel=0.01)


def test_capacity_of_what_is_all_decode() -> None:
    engine = Engine("plain", 0.1, 0.0, 0.0, 1e-9, 1e12, 1000, 4, 10_000)
    trace = Trace("t", [Row(float(at), 1, 11) for at in range(400)])
    # Four at once, a second and a first token's step each
    assert capacity(trace, engine) == pytest.approx(4 / 1.1, rel=0.1)
