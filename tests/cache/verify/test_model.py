"""The online model."""

from __future__ import annotations

import json
import random

import pytest

from penstock.cache.verify.fitting import text
from penstock.cache.verify.model import NAMES, Model, Prior, blank, read, shipped

WIDTH = len(NAMES) - 1


def _features(rng: random.Random, good: bool) -> tuple[float, ...]:
    return (rng.gauss(0.9 if good else 0.5, 0.15), *(rng.random() for _ in range(WIDTH - 1)))


def test_it_knows_nothing_at_first_and_learns_what_tells() -> None:
    rng = random.Random(1)
    model = Model(blank())
    assert model.probability(_features(rng, True)) == 0.5
    for _ in range(500):
        good = rng.random() < 0.5
        model.learn(_features(rng, good), good)
    right = sum((model.probability(_features(rng, good)) > 0.5) == good for good in (True, False) * 200)
    assert right > 320
    assert model.labels == 500


def test_odd_values_teach_nothing_and_are_no_hit() -> None:
    model = Model(blank())
    nan = (float("nan"),) * WIDTH
    model.learn(nan, True)
    model.learn((1.0,), True)
    model.learn((1.0,) * WIDTH, True, weight=float("nan"))
    model.learn((1.0,) * WIDTH, True, weight=0.0)
    assert model.labels == 0
    assert not model.probability(nan) > 0.5


def test_what_was_learned_is_taken_up_again() -> None:
    rng = random.Random(2)
    model, other = Model(blank()), Model(blank())
    for _ in range(50):
        model.learn(_features(rng, True), rng.random() < 0.7)
    assert other.load(json.loads(json.dumps(model.dump())))
    sample = _features(rng, True)
    assert other.probability(sample) == model.probability(sample)
    model.learn(sample, False)
    other.learn(sample, False)
    assert other.probability(sample) == pytest.approx(model.probability(sample))


@pytest.mark.parametrize("damage", [{"names": ["x"]}, {"weights": [1.0]}, {"weights": [float("nan")] * len(NAMES)},
                                    {"labels": "many"}, {"covariance": [[1.0]]}])  # fmt: skip
def test_damaged_state_changes_nothing(damage: dict[str, object]) -> None:
    model = Model(blank())
    assert not model.load({**model.dump(), **damage})
    assert not model.load(None)
    assert model.probability((1.0,) * WIDTH) == 0.5


def test_the_shipped_prior_fits_the_features_and_knows_likeness() -> None:
    model = Model(shipped())
    alike = dict.fromkeys(NAMES[:-1], 0.0) | dict.fromkeys(
        ["cosine", "cosine_squared", "agreement", "agreement_wide", "agreement_narrow", "cosine_agreement", "shared",
         "grams", "pairs", "plain", "length", "covered", "nearest", "margin"], 0.95)  # fmt: skip
    apart = dict.fromkeys(NAMES[:-1], 0.0) | {"cosine": 0.4, "agreement": 0.2, "missing": 1.0, "extra": 1.0}
    assert model.probability(tuple(alike.values())) > 0.9
    assert model.probability(tuple(apart.values())) < 0.1


def test_a_prior_of_other_features_is_refused() -> None:
    kept = json.loads(text(blank(), "nothing"))
    assert read(json.dumps(kept)).weights == blank().weights
    with pytest.raises(ValueError, match="other features"):
        read(json.dumps({**kept, "names": ["cosine"]}))
    with pytest.raises(ValueError, match="shape"):
        read(json.dumps({**kept, "covariance": kept["covariance"][:-1]}))
    with pytest.raises(ValueError, match="coefficients"):
        Prior([1.0], [[1.0]])
