"""Rows side by side: they grow and shrink without losing one."""

import numpy as np
import pytest

from penstock.cache.index.block import DOUBLES_TO, FULL, Block, row_bytes

DIMENSIONS = 8


def rows(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-127, 128, (count, DIMENSIONS), dtype=np.int8)


def test_growing_keeps_what_is_there() -> None:
    block, those = Block(DIMENSIONS), rows(3000)
    for place, row in enumerate(those):
        block.reserve(place + 1)
        block.size = place + 1
        block.put(place, place * 7, row, 1 / float(np.linalg.norm(row)))
        assert len(block.ids) <= max(2 * (place + 1), 1) or place >= DOUBLES_TO
    assert len(block.ids) == FULL
    assert np.array_equal(block.rows[:3000], those)
    assert block.ids[:3000].tolist() == [place * 7 for place in range(3000)]


def test_filling_is_putting_many() -> None:
    those = rows(20)
    filled, put = Block(DIMENSIONS), Block(DIMENSIONS)
    filled.reserve(20)
    filled.fill(np.arange(20), those)
    put.reserve(20)
    put.size = 20
    for place, row in enumerate(those):
        put.put(place, place, row, 1 / float(np.linalg.norm(row)))
    query = np.array([0.5] * 4 + [-0.5] * 4, np.float32)
    assert np.allclose(filled.cosines(query), put.cosines(query), atol=1e-6)
    assert np.array_equal(filled.signs[:20], put.signs[:20])


def test_cosines_are_exact() -> None:
    those = rows(10)
    block = Block(DIMENSIONS)
    block.reserve(10)
    block.fill(np.arange(10), those)
    query = np.full(DIMENSIONS, DIMENSIONS**-0.5, np.float32)
    wanted = those @ query / np.linalg.norm(those, axis=1)
    assert block.cosines(query) == pytest.approx(wanted, abs=1e-6)
    assert block.cosines(query, np.array([7, 2])) == pytest.approx(wanted[[7, 2]], abs=1e-6)


def test_room_is_given_back() -> None:
    block = Block(DIMENSIONS)
    block.reserve(DOUBLES_TO + 1)
    block.fill(np.arange(DOUBLES_TO + 1), rows(DOUBLES_TO + 1))
    block.size = 10
    block.shrink()
    assert len(block.ids) == 20
    assert block.touched == 10
    assert block.ids[:10].tolist() == list(range(10))


def test_an_entry_of_minilm_is_within_its_bound() -> None:
    assert row_bytes(384) - 64 <= 400  # 64 bytes of signs are the price of speed
