import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.paint import Paint, columns, cut, padded, wants_colour


def test_colours_are_for_terminals_that_want_them() -> None:
    term = {"TERM": "xterm-256color"}
    assert wants_colour(True, term)
    assert not wants_colour(False, term)
    assert not wants_colour(True, term | {"NO_COLOR": "1"})
    assert wants_colour(True, term | {"NO_COLOR": ""})  # no-color.org: only where it is not empty
    assert not wants_colour(True, {"TERM": "dumb"})
    assert not wants_colour(True, {})


def test_paint_that_is_off_is_none() -> None:
    assert Paint(True)("x", "red") == "\x1b[31mx\x1b[0m"
    assert Paint(True)("x", "") == "x"
    assert Paint(False)("x", "red") == "x"
    assert "off" in repr(Paint(False))


@pytest.mark.parametrize(("text", "wide"), [("abc", 3), ("模型", 4), ("e\u0301", 1), ("", 0)])
def test_columns(text: str, wide: int) -> None:
    assert columns(text) == wide


@given(st.text(), st.integers(1, 40))
def test_it_fits_and_a_terminal_obeys_none_of_it(text: str, wide: int) -> None:
    assert columns(cut(text, wide)) <= wide
    assert columns(padded(text, wide)) == wide
    assert padded(text, wide).isprintable()


def test_what_is_cut_says_so() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert padded("模型模型", 5) == "模型…"
    assert padded("7", 3, right=True) == "  7"
