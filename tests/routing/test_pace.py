import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.line import Line
from penstock.routing.pace import FADE_SECONDS, MOST, Pace


def taught(ratio: float, samples: int, noise: float = 0.0) -> Pace:
    rng, pace = random.Random(1), Pace()
    for number in range(samples):
        pace.learn(ratio * rng.uniform(1 - noise, 1 + noise), 1.0, float(number))
    return pace


def test_one_that_nobody_knows_is_like_the_others() -> None:
    assert Pace().ratio(5.0) == 1.0
    line = Line(0.1, 0.2)
    assert Pace().of(line) is line


def test_it_is_believed_as_samples_come() -> None:
    ratios = [taught(3.0, samples).ratio(float(samples)) for samples in (0, 1, 5, 50)]
    assert ratios == sorted(ratios)
    assert ratios[1] < 1.2
    assert 2.0 < ratios[3] < 3.0


@given(st.floats(0.1, 8.0))
def test_slower_is_above_one_and_the_same_either_way(ratio: float) -> None:
    pace, other = taught(ratio, 40), taught(1 / ratio, 40)
    assert (pace.ratio(40.0) >= 1.0) == (ratio >= 1.0)
    assert pace.ratio(40.0) * other.ratio(40.0) == pytest.approx(1.0)


def test_noise_between_equals_stays_small() -> None:
    assert 0.85 < taught(1.0, 200, noise=0.5).ratio(200.0) < 1.15


def test_after_a_silence_it_is_tried_again() -> None:
    pace = taught(5.0, 50)
    late = [pace.ratio(50.0 + silent) for silent in (0, FADE_SECONDS, 10 * FADE_SECONDS)]
    assert late[0] > late[1] > late[2]
    assert late[2] == pytest.approx(1.0, abs=0.01)


def test_nothing_is_believed_to_be_endless() -> None:
    assert taught(1e9, 100).ratio(100.0) <= MOST
    pace = Pace()
    pace.learn(1.0, 0.0, 0.0)
    assert pace.ratio(0.0) == 1.0


def test_a_line_at_its_pace() -> None:
    line = Line(0.1, 0.01)
    line.weight = 30.0
    pace = taught(2.0, 12)
    own = pace.of(line)
    assert own.at(50) == pytest.approx(line.at(50) * pace.ratio(11.0))
    assert own.weight == 12
    assert "on 4.7 samples" in repr(pace)
