"""A bounded memory of vectors."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.embedding.remembered import OVERHEAD_BYTES, Remembered, key_of


def vector(value: float) -> np.ndarray:
    return np.full(8, value, np.float32)


COST = vector(0).nbytes + OVERHEAD_BYTES


def test_the_least_recently_used_goes() -> None:
    kept = Remembered(2 * COST)
    kept.put(b"a", vector(1))
    kept.put(b"b", vector(2))
    assert kept.get(b"a") is not None
    kept.put(b"c", vector(3))
    assert kept.get(b"b") is None
    assert kept.get(b"a") is not None
    assert kept.get(b"c") is not None
    assert kept.held == 2 * COST


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans())), st.integers(0, 5 * COST))
def test_it_never_holds_more_than_it_may(steps: list[tuple[int, bool]], most: int) -> None:
    kept = Remembered(most)
    for number, is_put in steps:
        key = b"%d" % number
        if is_put:
            kept.put(key, vector(number))
        elif (found := kept.get(key)) is not None:
            assert found[0] == number
        assert kept.held == len(kept) * COST <= most


def test_equal_texts_have_equal_keys_and_any_text_has_one() -> None:
    assert key_of("a") == key_of("a") != key_of("a ")
    assert len(key_of("\ud800")) == 16
