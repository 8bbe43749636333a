import pytest

from penstock.history.tables import LEAST_PRESSED, Stored, Table, encode, pressed, stored, unpressed

PLACES = {"calls": 0, "cost": 1, "later": 2}


def names_of(text: bytes) -> list[str]:
    return [chr(one) for one in text[1:] if chr(one).isalpha()]


def test_columns_are_opened_by_name() -> None:
    table = Table(stored(["a", "b"], [[1, 2], [70_000, -5]]), PLACES, names_of)
    assert table.names == ["a", "b"]
    assert (list(table.numbers("calls")), list(table.numbers("cost"))) == ([1, 2], [70_000, -5])
    assert list(table.numbers("later")) == [0, 0], "a column that came later"
    assert repr(table) == "<Table of 2 rows>"


def test_without_rows() -> None:
    table = Table(stored([], [[], []]), PLACES, names_of)
    assert (table.rows, table.names, list(table.numbers("cost"))) == (0, [], [])


def test_columns_may_be_lists_of_numbers() -> None:
    table = Table(Stored(b"", 2, encode([[1, 2], [3, -4]])), PLACES, names_of)
    assert list(table.numbers("cost")) == [3, -4]


def test_what_is_no_table_is_refused() -> None:
    for columns in (b"nothing", b"x", encode([b"abc"])):
        with pytest.raises(ValueError, match=r"."):
            Table(Stored(b"", 2, columns), PLACES, names_of).numbers("calls")


def test_what_is_large_is_pressed_where_that_saves_much() -> None:
    alike, unlike, small = [7] * 1000, [number * 7919 % 65_536 for number in range(200)], [7] * 10
    assert len(pressed(alike)) < 30
    assert pressed(unlike) == encode(unlike)
    assert pressed(small) == encode(small)
    assert len(encode(small)) < LEAST_PRESSED
    for value in (alike, unlike, small):
        assert unpressed(pressed(value)) == encode(value)
    with pytest.raises(ValueError, match=r"."):
        unpressed(b"x")
