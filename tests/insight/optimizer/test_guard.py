import math
from random import Random

import pytest

from penstock.insight.optimizer.guard import MOST_WANDER, Guard, Word, noise_of, wander
from penstock.insight.optimizer.measures import MEASURES

LATENCY, ERRORS, MEMORY = MEASURES["latency_p95"], MEASURES["error_share"], MEASURES["memory"]


def levels(noise: float, number: int = 60, at: float = 0.0) -> list[float]:
    draw = Random(1)
    return [at + draw.gauss(0, noise) for _ in range(number)]


def test_words_on_windows() -> None:
    guard = Guard(LATENCY, math.log(1.2), levels(0.02))
    assert guard.word(0.03, 0) is Word.FINE
    assert guard.word(-1.0, 0) is Word.FINE  # faster
    assert guard.word(0.11, 0) is guard.word(0.11, 0, eager=True) is Word.FINE
    assert guard.word(0.15, 0, eager=True) is Word.SUSPICIOUS
    assert guard.word(0.15, 0) is Word.SUSPICIOUS
    assert guard.word(0.25, 0) is Word.BROKEN


def test_in_noise_a_break_must_stand_out() -> None:
    guard = Guard(LATENCY, math.log(1.2), levels(0.1))
    assert guard.word(0.25, 0) is Word.FINE
    assert guard.word(0.6, 0) is Word.BROKEN


def test_a_share_of_few_calls_is_left_to_chance() -> None:
    guard = Guard(ERRORS, 0.02, [0.0] * 20)
    assert guard.word(0.05, 20) is Word.FINE
    assert guard.word(0.05, 2000) is Word.BROKEN


def test_a_ceiling_is_never_to_be_passed_but_by_what_was_above_it_before() -> None:
    assert Guard(MEMORY, 0.1, [0.85] * 20).word(0.91, 0) is Word.PAST_CEILING
    assert Guard(MEMORY, 0.1, [0.92] * 20).word(0.93, 0) is Word.FINE


def test_it_follows_what_it_is_without_the_change() -> None:
    guard = Guard(LATENCY, math.log(1.2), levels(0.02))
    guard.without(levels(0.02, 6, at=0.5), anew=True)
    assert guard.reference == pytest.approx(0.5, abs=0.05)
    assert guard.word(0.55, 0) is Word.FINE


def test_a_shift_is_more_than_one_bad_window() -> None:
    guard = Guard(LATENCY, math.log(1.2), levels(0.03))
    off = levels(0.03, 6)
    assert guard.shift([0.15, 0.16, 0.14, 0.15, 0.17, 0.16], off)
    assert not guard.shift([0.0, 0.01, -0.01, 0.0, 0.02, 0.17], off)
    assert guard.lasting([0.15, 0.16, 0.14])
    assert not guard.lasting([0.15, 0.16])
    assert not guard.lasting([0.0, 0.0, 0.3])
    assert guard.gap([0.2], [0.0]) == pytest.approx(0.2)


def test_a_trend_is_no_noise() -> None:
    steady = [0.01 * step for step in range(60)]
    assert noise_of(LATENCY, steady, steady[-6:]) < 0.03
    assert noise_of(LATENCY, levels(0.05), levels(0.05)[-18:]) == pytest.approx(0.05, rel=0.4)


def test_noise_that_lasts_is_noise_too() -> None:
    draw, slow, lasting = Random(2), 0.0, list[float]()
    for _ in range(60):
        slow = 0.9 * slow + draw.gauss(0, 0.02)
        lasting.append(slow + draw.gauss(0, 0.02))
    assert 1.2 < wander(lasting) <= MOST_WANDER
    assert wander(levels(0.05, 600)) == pytest.approx(1.0, abs=0.1)
    assert wander(lasting[:30]) == wander([]) == wander([0.3] * 60) == 1.0, "too little is known"
    assert Guard(LATENCY, 0.1, lasting).noise > 1.2 * Guard(LATENCY, 0.1, levels(0.02)).noise
    assert wander([0.2 * at for at in range(60)]) == MOST_WANDER, "a trend is bounded"
