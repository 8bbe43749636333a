import pytest

from bench.rescue import Answer, equal, measure
from penstock.process.loop import run


@pytest.mark.local
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
