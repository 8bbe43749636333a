"""Streams played through the decision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penstock.cache.verify.model import blank
from penstock.cache.verify.playback import Player, Stream
from penstock.cache.verify.rules import Rules
from penstock.cache.verify.spend import Budget
from tests.support.hashed_vectors import hashed_vectors
from tests.support.labelled_questions import labelled_questions


def _stream(count: int, seed: int = 0) -> Stream:
    rows = labelled_questions(count, seed)
    return Stream(rows, hashed_vectors([text for text, _ in rows]))


@pytest.mark.parametrize("order", [0, 1, 2])
def test_it_hits_much_and_keeps_the_bound(order: int) -> None:
    outcome = Player(_stream(1_500), Rules(), blank(), order=order).run()
    assert outcome.requests == 1_500
    assert outcome.hits > 500
    assert outcome.wrong <= 15
    assert outcome.low <= outcome.wrong / 1_500 <= outcome.high


def test_a_judge_that_errs_does_not_break_the_bound() -> None:
    outcome = Player(_stream(1_500), Rules(), blank(), judge_error=0.05).run()
    assert outcome.wrong <= 15


def test_a_stream_in_which_nothing_has_one_answer_stays_within_the_bound() -> None:
    rows = [(text, number) for number, (text, _) in enumerate(labelled_questions(1_500))]
    stream = Stream(rows, hashed_vectors([text for text, _ in rows]))
    outcome = Player(stream, Rules(), None).run()  # the shipped prior believes in likeness
    assert outcome.wrong <= 40  # 15 are allowed; the rest is what it takes to find out
    later = Player(stream, Rules(budget=Budget(0.05)), None)
    later.run(1_000)
    first = later.outcome.wrong
    assert first <= 75


def test_equal_seeds_play_equally_and_orders_differ() -> None:
    stream = _stream(400)
    one, two = (Player(stream, Rules(), blank(), order=3).run().report() for _ in range(2))
    assert one == two
    assert stream.order(0) == list(range(400))
    assert sorted(stream.order(3)) == stream.order(0) != stream.order(3)


def test_what_is_checked_is_counted_apart() -> None:
    outcome = Player(_stream(800), replace(Rules(), shadow=1.0, least_shadow=1.0), blank()).run()
    assert outcome.shadows == outcome.hits > 0
    assert outcome.report()["saved_percent"] == 0.0
    assert sum(outcome.reasons.values()) == 800


def test_labels_are_handed_out_for_fitting() -> None:
    taught: list[tuple[tuple[float, ...], bool, float]] = []
    Player(_stream(300), Rules(), blank(), taught=lambda *label: taught.append(label)).run()
    assert len(taught) > 100
    assert {right for _, right, _ in taught} == {True, False}
    assert all(features[-1] == 1.0 for features, _, _ in taught)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="2 questions"):
        Stream([("a", 1), ("b", 2)], np.zeros((3, 4), np.float32))
