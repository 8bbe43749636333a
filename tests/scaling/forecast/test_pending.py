import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.forecast.pending import Pending

pytestmark = pytest.mark.filterwarnings("error")


@given(steps=st.sets(st.integers(1, 9), min_size=1), length=st.integers(0, 30), cleared=st.integers(0, 30))
def test_each_horizon_is_told_what_was_said_of_it_when_its_time_began(
    steps: set[int], length: int, cleared: int
) -> None:
    horizons = sorted(steps)
    pending = Pending(np.array(horizons, float), 1, 1)
    said: list[int] = []
    for step in range(length):
        if step == cleared:
            pending.clear()
            said.clear()
        ready, parts = pending.due()
        assert [horizons[at] for at in ready] == [one for one in horizons if one <= len(said)]
        assert np.hstack(parts).tolist() == [[said[-horizons[at]], horizons[at]] for at in ready]
        pending.put(np.full((len(horizons), 1), float(step)), np.array(horizons, float)[:, None])
        said.append(step)
