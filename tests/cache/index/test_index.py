"""The nearest are the nearest, what is removed is gone, and what is no vector stays out."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.embedding.vectors import checked, pack
from penstock.cache.index import block as blocks
from penstock.cache.index import index as module
from penstock.cache.index.index import COMPARED, Index


def unit(numbers: np.ndarray) -> np.ndarray:
    return (numbers / np.linalg.norm(numbers, axis=-1, keepdims=True)).astype(np.float32)


def scattered(count: int, dimensions: int, seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, dimensions)))


def clustered(count: int, dimensions: int, seed: int) -> np.ndarray:
    """Groups of some twenty that mean nearly the same, as paraphrases do."""
    generator = np.random.default_rng(seed)
    centres = unit(generator.standard_normal((max(1, count // 20), dimensions)))
    noise = generator.standard_normal((count, dimensions)) * (0.6 / dimensions**0.5)
    return unit(centres[generator.integers(0, len(centres), count)] + noise)


def filled(vectors: np.ndarray) -> Index:
    index = Index(vectors.shape[1])
    assert index.extend(range(len(vectors)), b"".join(pack(vector) for vector in vectors)) == len(vectors)
    return index


def kept(vectors: np.ndarray) -> np.ndarray:
    """As the index holds them."""
    return unit(np.rint(vectors * 127 / np.abs(vectors).max(axis=1, keepdims=True)))


@pytest.mark.parametrize("dimensions", [256, 384])
@pytest.mark.parametrize("count", [1, 7, COMPARED, COMPARED + 1, 6000])
@pytest.mark.parametrize("make", [scattered, clustered])
def test_the_first_is_that_of_brute_force(make: object, count: int, dimensions: int) -> None:
    assert callable(make)
    vectors = make(count, dimensions, 3)
    index, exact = filled(vectors), kept(vectors)
    generator = np.random.default_rng(9)
    for _ in range(50):
        noise = generator.standard_normal(dimensions) * (0.7 / dimensions**0.5)
        query = unit(vectors[generator.integers(count)] + noise)
        truth = exact @ query
        found = index.search(query, 8)
        assert len(found) == min(8, count)
        assert found[0][1] == pytest.approx(truth.max(), abs=1e-5)
        for identity, cosine in found:
            assert cosine == pytest.approx(truth[identity], abs=1e-5)
        assert [cosine for _, cosine in found] == sorted((cosine for _, cosine in found), reverse=True)


STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove", "again"]), st.integers(0, 40)), max_size=120)


@settings(deadline=None)
@given(STEPS, st.integers(0, 3))
def test_after_any_steps_it_equals_a_dictionary(steps: list[tuple[str, int]], few: int) -> None:
    """With blocks so small that several are in use, and few compared, so that the choice by signs takes part."""
    vectors = scattered(82, 24, 5)
    with pytest.MonkeyPatch.context() as patched:
        for place in (module, blocks):
            patched.setattr(place, "FULL", 8)
        patched.setattr(blocks, "DOUBLES_TO", 4)
        patched.setattr(module, "COMPARED", few)
        index, model = Index(24), {}
        for what, number in steps:
            if what == "remove":
                assert index.remove(number) == (model.pop(number, None) is not None)
            else:
                vector = vectors[number + (41 if what == "again" else 0)]
                assert index.add(number, vector)
                model[number] = vector
            assert len(index) == len(model)
            assert (number in index) == (number in model)
            assert index.packed(number) == (pack(model[number]) if number in model else None)
        query = vectors[0]
        found = index.search(query, 8)
        truth = sorted((float(kept(vector[None])[0] @ query) for vector in model.values()), reverse=True)
        assert [cosine for _, cosine in found] == pytest.approx(truth[:8], abs=1e-5)
        assert all(identity in model for identity, _ in found)


def test_what_is_removed_is_gone_for_good() -> None:
    vectors = clustered(3000, 384, 1)
    index = filled(vectors)
    for identity in range(0, 3000, 2):
        assert index.remove(identity)
        assert not index.remove(identity)
    assert len(index) == 1500
    for identity in range(0, 3000, 100):
        assert all(found % 2 for found, _ in index.search(vectors[identity], 20))
    live = index._blocks[-1]
    assert not live.rows[live.size : live.touched].any()  # the numbers of a deleted prompt are not kept either


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_vector_stays_out(bad: float) -> None:
    index = filled(scattered(5, 16, 1))
    spoiled = scattered(1, 16, 2)[0].copy()
    spoiled[3] = bad
    for vector in (spoiled, np.zeros(16, np.float32), scattered(1, 15, 1)[0], scattered(2, 16, 1)):
        assert not index.add(9, vector)
        assert index.search(vector, 3) == []
    for data in (b"", bytes(16), b"\x01" * 15, b"\x01" * 17):
        assert not index.add_packed(9, data)
    assert len(index) == 5
    assert 9 not in index


def test_of_many_at_once_only_the_sound_are_taken() -> None:
    index = Index(4)
    rows = b"\x01\x02\x03\x04" + bytes(4) + b"\x04\x03\x02\x01"
    assert index.extend([1, 2, 3], rows) == 2
    assert (1 in index, 2 in index, 3 in index) == (True, False, True)
    assert index.extend([4, 5], rows) == 0  # another number of rows than of ids
    assert index.extend([1, 1, 6], rows) == 2  # ids that are there, or stand twice
    assert index.packed(6) == b"\x04\x03\x02\x01"
    assert len(index) == 3


def test_nothing_is_found_in_nothing() -> None:
    vector = scattered(1, 16, 1)[0]
    assert Index(16).search(vector, 8) == []
    assert filled(scattered(3, 16, 1)).search(vector, 0) == []


def test_three_entries_are_cheap() -> None:
    index = filled(scattered(3, 384, 1))
    arrays = [getattr(index._blocks[0], name) for name in ("rows", "signs", "factors", "ids")]
    real = sum(sys.getsizeof(array) for array in arrays) + sys.getsizeof(index._places) + sys.getsizeof(index)
    assert real < 3 * 384 + 2000
    assert real - 500 < index.held < 3 * 384 + 2000


def test_the_bytes_held_fall_with_the_entries() -> None:
    index = filled(scattered(5000, 384, 1))
    assert index.held / 5000 < 600
    for identity in range(4999):
        index.remove(identity)
    assert index.held < 10_000


def test_a_vector_that_was_checked_is_the_same_as_its_packed_form() -> None:
    vector = checked(list(range(1, 17)), 16)
    assert vector is not None
    first, second = Index(16), Index(16)
    assert first.add(1, vector)
    assert second.add_packed(1, pack(vector))
    assert first.packed(1) == second.packed(1)
