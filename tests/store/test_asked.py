import pytest

from penstock.store.asked import OVERHEAD, Append, Delete, Mark, Put, checked, position, size_of


def test_the_size_of_a_write_counts_what_it_carries() -> None:
    assert size_of(Put("t", b"key", b"value", 1.0)) == OVERHEAD + 8
    assert size_of(Append("l", b"row", 5)) == OVERHEAD + 3
    assert size_of(Delete("t", (b"a", b"bc"))) == OVERHEAD + 3 + 80
    assert size_of(Mark(None)) == OVERHEAD  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a", "cache_meta", "a1", "a" * 40])
def test_a_good_name_passes(name: str) -> None:
    assert checked(name) == name


@pytest.mark.parametrize("name", ["", "1", "_a", "A", "a-b", "a\n", "a" * 41, "a'; --"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        checked(name)


def test_a_position_is_a_number() -> None:
    assert position("") == 0
    assert position("17") == 17
    for bad in ("-1", "1.0", " 1", "٣", "9" * 20):
        with pytest.raises(ValueError, match="no position"):
            position(bad)
