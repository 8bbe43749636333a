import pytest

from penstock.cache.embedding.texts import MOST_BYTES, readable


@pytest.mark.parametrize("text", ["a", " a ", "é" * (MOST_BYTES // 2), "a" * MOST_BYTES, "\U0001f600", "\0"])
def test_what_may_be_read(text: str) -> None:
    assert readable(text)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u2003", "a" * (MOST_BYTES + 1), "é" * (MOST_BYTES // 2 + 1), "half \ud83d", "\ude00"]
)
def test_what_may_not(text: str) -> None:
    assert not readable(text)
