import math
from random import Random

import pytest

from penstock.insight.optimizer.evidence import Evidence


def test_pairs_that_all_agree_soon_suffice_and_the_scale_does_not_matter() -> None:
    for effect in (0.01, 0.1, 1.0):
        evidence = Evidence()
        for _ in range(9):
            evidence.add(effect)
        assert evidence.above() > 20
        assert evidence.below() < 1
        assert evidence.mean == pytest.approx(effect)


def test_what_changes_nothing_seldom_looks_as_if_it_did_however_often_one_looks() -> None:
    draw, wrong = Random(7), 0
    for _ in range(400):
        evidence = Evidence()
        for step in range(40):
            noise = draw.gauss(0, 1) if draw.random() < 0.9 else draw.gauss(0, 20)  # heavy tails, and a drift:
            evidence.add((noise + 0.5 * step) * draw.choice((1, -1)) * 0.05)  # the order within a pair is drawn by lot
            if evidence.above() >= 20:
                wrong += 1
                break
    assert wrong / 400 <= 0.05


def test_a_small_effect_in_noise_is_found_in_the_end() -> None:
    draw, evidence = Random(3), Evidence()
    while evidence.above() < 20 and len(evidence.differences) < 300:
        evidence.add(0.05 + draw.gauss(0, 0.06))
    assert 5 < len(evidence.differences) < 60


def test_bounds_hold_the_effect_and_are_open_while_nothing_is_known() -> None:
    evidence = Evidence()
    assert evidence.bounds(0.05) == (-math.inf, math.inf)
    draw = Random(5)
    for _ in range(60):
        evidence.add(0.1 + draw.gauss(0, 0.05))
    low, high = evidence.bounds(0.05)
    assert 0.05 < low < 0.1 < high < 0.15
    assert evidence.below(0.2) > 20
    assert evidence.above(0.2) < 1
