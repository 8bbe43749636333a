import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.forecast.mixture import Mixture

ROW = np.array([0])


def feed(mixture: Mixture, opinions: list[float], value: float, times: int = 1) -> None:
    told = np.array([opinions])
    for _ in range(times):
        _, inner = mixture.mix(told)
        mixture.learn(ROW, told, inner, value, value)


def test_at_first_all_count_the_same() -> None:
    mixed, _ = Mixture(1, 3).mix(np.array([[1.0, 2.0, 6.0]]))
    assert np.isclose(mixed[0], 2.5, atol=0.6)


def test_who_is_right_is_heard_and_who_was_right_is_forgotten() -> None:
    mixture = Mixture(1, 2)
    feed(mixture, [100.0, 150.0], 100.0, 100)
    assert abs(mixture.mix(np.array([[100.0, 150.0]]))[0][0] - 100) < 1
    assert mixture.weights(0)[0] > 0.99
    feed(mixture, [100.0, 150.0], 150.0, 400)
    assert abs(mixture.mix(np.array([[100.0, 150.0]]))[0][0] - 150) < 2


def test_an_expert_that_wakes_begins_as_the_worst() -> None:
    mixture = Mixture(1, 3)
    feed(mixture, [100.0, 130.0, np.nan], 100.0, 50)
    feed(mixture, [100.0, 130.0, 900.0], 100.0)
    assert mixture.weights(0)[2] <= mixture.weights(0)[1] + 1e-9
    feed(mixture, [100.0, 130.0, 900.0], 100.0, 50)
    assert abs(mixture.mix(np.array([[100.0, 130.0, 900.0]]))[0][0] - 100) < 2


def test_who_sleeps_is_not_heard() -> None:
    mixture = Mixture(1, 2)
    feed(mixture, [100.0, 500.0], 100.0, 50)
    assert mixture.mix(np.array([[np.nan, 500.0]]))[0][0] == pytest.approx(500.0)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=5), st.floats(0, 1e6))
def test_the_mixture_lies_between_the_opinions(opinions: list[float], value: float) -> None:
    mixture = Mixture(1, len(opinions))
    feed(mixture, opinions, value, 3)
    mixed = float(mixture.mix(np.array([opinions]))[0][0])
    assert min(opinions) * (1 - 1e-9) - 1e-9 <= mixed <= max(opinions) * (1 + 1e-9) + 1e-9


def test_it_goes_on_from_its_state() -> None:
    mixture, again = Mixture(1, 2), Mixture(1, 2)
    feed(mixture, [100.0, 120.0], 100.0, 20)
    again.restore(mixture.state())
    told = np.array([[5.0, 9.0]])
    assert np.array_equal(mixture.mix(told)[0], again.mix(told)[0])
