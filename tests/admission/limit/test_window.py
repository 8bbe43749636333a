import pytest

from penstock.admission.limit.window import ENOUGH, FIRST, MOST, RELATIVE, WHOLE, Window

NOTHING = (0.0, 0.0, 0.0)


def test_equal_times_need_few_samples_and_spread_ones_many() -> None:
    even, spread = Window(), Window()
    for number in range(ENOUGH):
        even.first(1.0, 0.2, 0.0)
        spread.first(1.0, 0.05 + number * 0.1, 0.0)
    told = even.median(1.0, NOTHING)
    assert told is not None
    assert (told.kind, told.seconds, told.error) == (FIRST, 0.2, 0.0)
    assert spread.median(1.0, NOTHING) is None
    assert spread.median(1.0, NOTHING, rough=True) is not None


def test_what_is_clearly_late_is_told_at_once() -> None:
    window = Window()
    for number in range(ENOUGH):
        window.first(1.0, 3.0 + number, 0.0)
    assert window.median(1.0, NOTHING) is None
    assert window.median(1.0, (0.0, 1.0, 0.0)) is not None


def test_first_tokens_come_before_whole_answers_and_those_with_a_known_prompt_before_both() -> None:
    window = Window()
    for _ in range(ENOUGH):
        window.done(1.0, 3.0, None, "ok")
    told = window.median(1.0, NOTHING)
    assert told is not None
    assert (told.kind, told.seconds) == (WHOLE, 3.0)
    for _ in range(ENOUGH):
        window.first(1.0, 0.5, 0.0)
    told = window.median(1.0, NOTHING)
    assert told is not None
    assert told.kind == FIRST
    for length in range(ENOUGH):
        window.first(1.0, 0.2 + 0.02 * length, 0.1 + 0.01 * length)
    told = window.median(1.0, NOTHING)
    assert told is not None
    assert told.kind == RELATIVE


def test_a_first_token_counts_once_and_one_from_before_not_at_all() -> None:
    window = Window()
    window.since = 5.0
    for _ in range(ENOUGH):
        window.first(6.0, 2.0, 0.0)
        window.done(8.0, 2.5, 0.5, "ok")
    assert window.median(8.0, NOTHING) is None
    for _ in range(ENOUGH):
        window.first(8.0, 0.5, 0.0)
        window.done(8.0, 2.5, 0.5, "ok")
    told = window.median(8.0, NOTHING)
    assert told is not None
    assert told.seconds == 0.5


def test_holds_so_many_samples_at_most() -> None:
    window = Window()
    for number in range(2 * MOST):
        window.first(1.0, 1.0 + number, 0.0)
    told = window.median(1.0, NOTHING)
    assert told is not None
    assert told.seconds <= MOST
    assert str(MOST) in repr(window)


def test_knows_how_many_calls_began_a_second() -> None:
    window = Window()
    for number in range(30):
        window.begin(3, number / 10)
    window.open(3.0)
    for _ in range(ENOUGH):
        window.first(3.5, 0.2, 0.0)
    told = window.median(3.5, NOTHING)
    assert told is not None
    assert told.rate == pytest.approx(10.0)
