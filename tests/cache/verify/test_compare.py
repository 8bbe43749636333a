"""What tells two texts apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.verify.compare import NAMES, compare
from penstock.cache.verify.lexical import prepare

AGAINST = NAMES[NAMES.index("question") :]


def told_apart(a: str, b: str) -> set[str]:
    found = dict(zip(NAMES, compare(prepare(a), prepare(b)), strict=True))
    return {name for name in AGAINST if found[name]}


@pytest.mark.parametrize(
    ("a", "b", "name"),
    [
        ("pay 100 to the bank", "pay 200 to the bank", "numbers"),
        ("list my orders", "list my 3 orders", "number_added"),
        ("status of order AB-1234", "status of order AB-1235", "identifiers"),
        ("is 20 celsius warm", "is 20 fahrenheit warm", "units"),
        ('translate "yes" to German', 'translate "no" to German', "quotes"),
        ("run `ls`", "run `rm`", "code"),
        ("is it allowed", "is it not allowed", "negation"),
        ("how to increase the limit", "how to decrease the limit", "opposite"),
        ("is the room available", "is the room unavailable", "opposite"),
        ("what does the basic plan cost", "what does the premium plan cost", "class"),
        ("who is the king of Spain", "who is the king of Norway", "entities"),
        ("move it from savings to checking", "move it from checking to savings", "order"),
        ("how do I sort a list", "how do I reverse a list", "swap"),
        ("how do I make a cake", "how do I make a cake stand", "inserted"),
        ("who is the king", "who was the king", "tense"),
        ("what is it for", "why is it for", "question"),
    ],
)
def test_each_difference_has_a_name(a: str, b: str, name: str) -> None:
    assert name in told_apart(a, b)
    assert name in told_apart(b, a)


def test_a_typing_error_is_not_a_swap() -> None:
    assert "swap" not in told_apart("what is the captial of it", "what is the capital of it")


def test_a_paraphrase_is_not_told_apart() -> None:
    assert told_apart("How do I open an account?", "how can i open an account") == set()


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_can_be_compared(a: str, b: str) -> None:
    prepared = prepare(a)
    features = compare(prepared, prepare(b))
    assert len(features) == len(NAMES)
    assert all(0.0 <= value <= 1.0 for value in features)
    assert not any(compare(prepared, prepared)[NAMES.index("question") :])
