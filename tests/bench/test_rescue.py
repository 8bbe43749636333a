import os

import pytest

from bench.rescue import Answer, equal, measure
from penstock.process.loop import run
from penstock.providers.local.engine import installed
from penstock.providers.local.weights import WeightsError, fetch_weights


@pytest.fixture(scope="module")
def _weights() -> None:
    """The real model. Where it cannot be had its test is skipped, but not on a machine that judges changes."""
    reason = "" if installed() else "xllamacpp is not installed"
    if not reason:
        try:
            fetch_weights()
        except WeightsError as error:
            reason = str(error)
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.mark.usefixtures("_weights")
def test_an_answer_whose_engine_was_killed_equals_the_uncut_one() -> None:
    samples = run(measure(answers=5, tokens=32, seed=3))
    assert len(samples) == 5
    for uncut, killed in samples:
        assert uncut.done
        assert not uncut.story
        assert equal(uncut, killed), (uncut, killed)
    assert any("went on (prefill)" in killed.story for _, killed in samples)


def test_a_truncated_answer_is_not_equal() -> None:
    whole = Answer("a b", "stop", True, 0.0, 0, "")
    assert equal(whole, Answer("a b", "stop", True, 0.3, 1, ": story"))
    assert not equal(whole, Answer("a b", "", False, 0.0, 1, ""))
    assert not equal(whole, Answer("a", "stop", True, 0.0, 1, ""))
