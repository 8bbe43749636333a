import pytest

from penstock.scaling.forecast.conformal import QUANTILES
from penstock.scaling.forecast.shares import weights


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.3, 0.5, 0.85, 0.97, 0.99, 0.999, 1.0])
def test_parts_add_up_to_one(share: float) -> None:
    assert sum(part for _, part in weights(share)) == pytest.approx(1.0)


@pytest.mark.parametrize("place", range(len(QUANTILES)))
def test_a_share_that_is_kept_is_itself(place: int) -> None:
    told = {at: part for at, part in weights(QUANTILES[place]) if part > 1e-9}
    assert told == {place: pytest.approx(1.0)}


def test_beyond_the_last_it_goes_on_and_ends() -> None:
    def at(share: float) -> float:
        return sum(QUANTILES[place] * part for place, part in weights(share))

    assert at(0.99) < at(0.999) < at(0.9999)
    assert at(1.0) == at(1 - 1e-9)
