import pytest

from penstock.scaling.banded import Banded
from penstock.scaling.seen import Seen


@pytest.mark.parametrize(
    ("response", "rate", "hits", "wanted"),
    [(0.5, 100.0, 1.0, 2), (2.0, 50.0, 0.0, 22), (4.0, 50.0, 0.0, 25), (9.0, 20.0, 0.5, 25), (10.0, 5.0, 0.0, 40)],
)
def test_bands_add_and_a_low_metric_takes_away(response: float, rate: float, hits: float, wanted: int) -> None:
    seen = Seen(0.0, response=response, token_rate=rate, hit_rate=hits, wanted=20, ready=20)
    assert Banded().need(seen).wanted == wanted


def test_what_is_not_known_holds() -> None:
    assert Banded().need(Seen(0.0, wanted=20, in_flight=1.0)).wanted == 20
