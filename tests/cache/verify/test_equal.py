"""Whether two answers say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.verify.equal import compare, normal


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("Yes.", "yes", True),
        ("The  fee is 5 dollars", "the fee is 5 dollars!", True),
        ("It costs 5 dollars a month.", "It costs 6 dollars a month.", False),
        ("It takes 1,000 days.", "It takes 1000 days.", True),
        ("Paris", "Berlin", False),
        ("Yes, you can do that online at any time.", "No, you can not do that online at any time.", False),
        ("You open one in the app.", "Go to a branch and ask for the form they have there.", None),
        ("", "", None),
        ("something", "", False),
    ],
)
def test_text_alone(a: str, b: str, equal: bool | None) -> None:
    assert compare(a, b) is equal
    assert compare(b, a) is equal


def test_vectors_decide_what_words_leave_open_but_never_against_numbers() -> None:
    a = "You can open an account in the app within minutes"
    b = "You can open an account within minutes in our app"
    assert compare("In the app you can open an account quickly", a) is None
    assert compare(a, b, 0.97) is True
    assert compare("an entirely other matter", "cats like warm milk", 0.1) is False
    assert compare(a + " 5", b + " 6", 0.99) is False


@given(st.text(max_size=200), st.text(max_size=200))
def test_order_does_not_matter_and_an_answer_equals_itself(a: str, b: str) -> None:
    assert compare(a, b) is compare(b, a)
    assert compare(a, a) is (True if normal(a) else None)
