import numpy as np
import pytest

from penstock.simulate.scaling.demand import made
from penstock.simulate.scaling.foretold import LEAST, Foretold

DEMAND = made("flat", 100.0, 0.25, 60.0, np.random.default_rng(0))
FORETOLD = Foretold(DEMAND, 300.0)


def test_nothing_is_said_before_some_has_come() -> None:
    assert FORETOLD.upper(LEAST * 300.0) is None
    assert FORETOLD.upper((LEAST + 1) * 300.0) is not None


def test_what_is_surer_is_higher() -> None:
    upper = FORETOLD.upper(20_000.0)
    assert upper is not None
    told = [upper(600.0, share) for share in (0.1, 0.5, 0.9, 0.97, 0.99, 0.9999)]
    assert told == sorted(told)  # type: ignore[type-var]
    assert told[1] == pytest.approx(float(DEMAND.load.mean()), rel=0.05)


def test_it_knows_nothing_that_has_not_come_yet() -> None:
    same = made("flat", 100.0, 0.25, 60.0, np.random.default_rng(0))
    same.load[200:] *= 5.0
    other = Foretold(same, 300.0)
    one, two = FORETOLD.upper(200 * 60.0), other.upper(200 * 60.0)
    assert one is not None
    assert two is not None
    assert one(600.0, 0.9) == two(600.0, 0.9)
