import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.insight.detector import MEASURES, Detector, Reading

STEP = 300.0


def play(values: list[float], step: float = STEP) -> list[Reading]:
    detector = Detector(step)
    readings = [detector.see(number * step, value) for number, value in enumerate(values)]
    return [reading for reading in readings if reading is not None]


def noise(count: int, seed: int = 1, scale: float = 1.0) -> list[float]:
    draw = random.Random(seed)
    return [50.0 + draw.gauss(0, scale) for _ in range(count)]


def rhythm(count: int, seed: int = 1) -> list[float]:
    return [value + 20 * math.sin(2 * math.pi * number / 288) for number, value in enumerate(noise(count, seed))]


def test_a_spike_is_rare() -> None:
    values = noise(1000)
    values[900] = 90.0
    readings = play(values)
    assert readings[900].score > 4.5
    assert max(reading.score for reading in readings[300:900]) < 4.5


def test_a_value_that_is_usual_at_noon_is_rare_at_night() -> None:
    values = rhythm(2000)
    night = 288 * 6 + 216
    values[night] = 50.0 + 20
    reading = play(values)[night]
    assert reading.score > 3.5
    assert reading.expected == pytest.approx(30.0, abs=4)


def test_a_shift_of_the_level_within_the_noise() -> None:
    values = [value + (1.8 if number >= 1500 else 0) for number, value in enumerate(noise(1600))]
    assert max(reading.score for reading in play(values)[1500:1560]) > 3.5


def test_values_that_freeze() -> None:
    values = noise(1500)
    values[1400:] = [values[1399]] * 100
    readings = play(values)[1400:]
    assert max(reading.score for reading in readings) > 3
    assert "stuck" in {reading.measure for reading in readings if reading.score > 3}


def test_a_value_that_comes_twice_is_nothing() -> None:
    values = noise(1500)
    values[1400] = values[1399]
    readings = play(values)
    assert readings[1400].score < 3


@pytest.mark.parametrize(("factor", "shift"), [(1e-6, 0.0), (1e9, 0.0), (-3.0, 1e4)])
def test_units_do_not_matter(factor: float, shift: float) -> None:
    values = rhythm(1500)
    plain = [reading.score for reading in play(values)]
    other = [reading.score for reading in play([value * factor + shift for value in values])]
    assert other == pytest.approx(plain, abs=0.05)


@given(values=st.lists(st.floats(), max_size=200), step=st.floats(0.1, 1e6))
def test_whatever_comes_it_gives_sound_readings(values: list[float], step: float) -> None:
    for reading in play(values, step):
        assert 0.0 <= reading.score <= 12.0
        assert reading.measure in MEASURES


def test_gaps_repetitions_and_what_is_no_number_are_passed_over() -> None:
    detector = Detector(STEP)
    assert detector.see(0.0, 1.0) is not None
    assert detector.see(0.0, 2.0) is None
    assert detector.see(STEP, math.nan) is None
    assert detector.see(STEP, math.inf) is None
    assert detector.see(-STEP, 1.0) is None
    assert detector.see(1e9 * STEP, 1.0) is not None


def test_a_day_without_values_is_no_anomaly() -> None:
    values = rhythm(2500)
    detector = Detector(STEP)
    readings = [detector.see(n * STEP, value) for n, value in enumerate(values) if not 1500 <= n < 1788]
    assert max(reading.score for reading in readings[1500:1600] if reading is not None) < 4.5


@pytest.mark.parametrize("step", [0.0, -1.0, math.nan, math.inf])
def test_a_step_is_a_time(step: float) -> None:
    with pytest.raises(ValueError, match="step"):
        Detector(step)
