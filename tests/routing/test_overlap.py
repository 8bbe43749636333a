import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.overlap import Join, Unjoinable, longest_overlap

TEXT = "Paris is the capital of France, and its largest city."


def joined(join: Join, pieces: list[str]) -> str:
    return "".join([join.feed(piece) for piece in pieces]) + join.finish()


def cut_up(text: str, sizes: list[int]) -> list[str]:
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    return [piece for piece in [*pieces, text] if piece]


@pytest.mark.parametrize(
    ("told", "more", "repeated"),
    [
        ("The cat sat on the", "the mat", 3),
        ("The cat sat on the", " mat", 0),
        ("go to", "of", 0),
        ("w1 w2 w", "w3", 1),
        ("capital of France", "France, and", 6),
        ("one two ", " two three", 5),
        ("one two ", "two three", 4),
        ("abc", "abcdef", 3),
        ("", "abc", 0),
        ("understand", "standing", 0),
        ("incomprehensible", "comprehensible things", 14),
    ],
)
def test_how_much_of_a_text_repeats_another(told: str, more: str, repeated: int) -> None:
    assert longest_overlap(told, more) == repeated


@given(st.integers(0, len(TEXT)), st.lists(st.integers(1, 9), max_size=20))
def test_a_prefill_goes_on_from_the_very_end(at: int, sizes: list[int]) -> None:
    assert joined(Join(TEXT[:at], "prefill"), cut_up(TEXT[at:], sizes)) == TEXT[at:]


@given(st.integers(16, len(TEXT)), st.lists(st.integers(1, 9), max_size=20))
def test_a_prefill_that_is_echoed_is_left_out(at: int, sizes: list[int]) -> None:
    assert joined(Join(TEXT[:at], "prefill"), cut_up(TEXT, sizes)) == TEXT[at:]


def test_a_short_text_said_again_is_no_echo() -> None:
    assert joined(Join("ha ", "prefill"), ["ha ", "ha!"]) == "ha ha!"


@pytest.mark.parametrize("more", [" world", "world", "  world"])
def test_space_that_was_not_shown_is_not_doubled(more: str) -> None:
    assert joined(Join("Hello ", "prefill", " "), list(more)) == (more[1:] if more.startswith(" ") else more)


@given(st.integers(0, len(TEXT)), st.lists(st.integers(1, 9), max_size=20))
def test_a_restart_leaves_out_all_that_was_told(at: int, sizes: list[int]) -> None:
    assert joined(Join(TEXT[:at], "restart"), cut_up(TEXT, sizes)) == TEXT[at:]


@pytest.mark.parametrize("pieces", [["Paris was"], ["Paris"], ["Lyon"]])
def test_a_restart_that_tells_something_else_is_refused(pieces: list[str]) -> None:
    with pytest.raises(Unjoinable):
        joined(Join(TEXT[:30], "restart"), pieces)


@given(st.integers(1, len(TEXT)), st.lists(st.integers(1, 9), max_size=20))
def test_a_model_that_was_told_to_go_on_may_begin_again(at: int, sizes: list[int]) -> None:
    assert joined(Join(TEXT[:at], "instruction"), cut_up(TEXT, sizes)) == TEXT[at:]


@pytest.mark.parametrize("back", [" France,", "capital of France,", "of France, and"])
def test_a_model_that_was_told_to_go_on_may_repeat_the_end(back: str) -> None:
    told = TEXT[: TEXT.index(back) + len(back)]
    assert joined(Join(told, "instruction"), [back[:3], back[3:], " it is"]) == " it is"


def test_a_model_that_begins_again_and_strays_is_refused() -> None:
    with pytest.raises(Unjoinable):
        joined(Join(TEXT[:40], "instruction"), list(TEXT[:25] + "Spain, no"))
