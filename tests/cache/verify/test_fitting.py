"""The prior's fit."""

from __future__ import annotations

import random

import pytest

from penstock.cache.verify.fitting import fit, from_streams, text
from penstock.cache.verify.model import NAMES, Model, read
from penstock.cache.verify.playback import Player, Stream
from penstock.cache.verify.rules import Rules
from tests.support.hashed_vectors import hashed_vectors
from tests.support.labelled_questions import labelled_questions


def test_coefficients_are_found_again() -> None:
    rng = random.Random(1)
    labels = []
    for _ in range(4_000):
        features = [0.0] * len(NAMES)
        features[0], features[1], features[-1] = rng.gauss(0, 1), rng.gauss(0, 1), 1.0
        margin = 2.0 * features[0] - 1.0 * features[1] + 0.5
        labels.append((tuple(features), rng.random() < 1 / (1 + 2.718281828**-margin), 1.0))
    prior = fit(labels)
    assert prior.weights[0] == pytest.approx(2.0, abs=0.2)
    assert prior.weights[1] == pytest.approx(-1.0, abs=0.2)
    assert prior.weights[-1] == pytest.approx(0.5, abs=0.2)
    assert prior.covariance[0][0] < prior.covariance[5][5]


def test_its_text_is_read_again() -> None:
    prior = fit([((*[0.5] * (len(NAMES) - 1), 1.0), True, 1.0)])
    again = read(text(prior, "one label"))
    assert again.weights == pytest.approx(prior.weights, abs=1e-4)
    assert Model(again).probability([0.5] * (len(NAMES) - 1)) > 0.5


def test_nothing_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="no labels"):
        fit([])


def test_a_prior_from_another_stream_makes_the_first_requests_hit() -> None:
    rows = labelled_questions(500, seed=1)
    prior = from_streams([Stream(rows, hashed_vectors([text for text, _ in rows]))])
    rows = labelled_questions(500, seed=2)
    stream = Stream(rows, hashed_vectors([text for text, _ in rows]))
    outcome = Player(stream, Rules(), prior).run()
    assert outcome.hits > 100
    assert outcome.wrong <= 8
