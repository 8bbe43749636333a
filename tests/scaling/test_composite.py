import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.composite import Weights, as_written, composite


@pytest.mark.parametrize(
    ("response", "rate", "hits", "wanted"),
    [(0.0, 1e9, 1.0, 0.0), (10.0, 10.0, 0.0, 100.0), (5.0, 20.0, 0.5, 50.0), (2.0, 50.0, 0.6, 8 + 6 + 12)],
)
def test_each_part_is_a_share_of_what_is_bad(response: float, rate: float, hits: float, wanted: float) -> None:
    assert composite(response, rate, hits) == pytest.approx(wanted, abs=1e-3)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1))
def test_it_stays_between_nothing_and_a_hundred(response: float, rate: float, hits: float) -> None:
    assert 0 <= composite(response, rate, hits) <= 100 + 1e-9


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 1e4), st.floats(0, 1))
def test_slower_is_never_better(response: float, more: float, rate: float, hits: float) -> None:
    assert composite(response + more, rate, hits) >= composite(response, rate, hits)


def test_the_documents_sum_in_milliseconds_is_above_all_bands_after_225_of_them() -> None:
    assert as_written(2000, 50, 0.6) == pytest.approx(800 + 6 + 12)
    assert as_written(226, 1e9, 1.0) > 90


@pytest.mark.parametrize("wrong", [(-1.0, 1.0, 0.5), (1.0, -1.0, 0.5), (1.0, 1.0, 1.5)])
def test_what_cannot_be_is_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        composite(*wrong)


def test_weights_add_up() -> None:
    with pytest.raises(ValueError, match="add up"):
        Weights(0.5, 0.5, 0.5)
