"""The rows with the most equal signs, by faiss and by numpy alike."""

import numpy as np
import pytest

from penstock.cache.index import nearest as module
from penstock.cache.index.nearest import WIDTHS, nearest, sign_bytes, signs_of


@pytest.mark.parametrize(("dimensions", "width"), [(3, 16), (128, 16), (129, 32), (256, 32), (384, 64), (1536, 64)])
def test_the_width_follows_the_dimension(dimensions: int, width: int) -> None:
    assert sign_bytes(dimensions) == width
    assert width in WIDTHS
    rows = np.ones((5, dimensions), np.int8)
    assert signs_of(rows).shape == (5, width)
    assert signs_of(rows[0]).shape == (width,)
    assert int(np.bitwise_count(signs_of(rows[0])).sum()) == min(dimensions, 8 * width)


def test_signs_say_what_is_above_zero() -> None:
    signs = signs_of(np.array([1, -1, 0, 5, -3, 2, 2, 2, 9], np.int8))
    assert signs[0] == 0b10010111
    assert signs[1] == 0b10000000


@pytest.mark.parametrize("with_faiss", [True, False])
@pytest.mark.parametrize(("rows", "count"), [(1, 8), (8, 8), (100, 8), (3000, 50)])
def test_it_finds_those_that_differ_least(
    rows: int, count: int, with_faiss: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_faiss:
        assert module.faiss is not None
    else:
        monkeypatch.setattr(module, "faiss", None)
    generator = np.random.default_rng(rows)
    numbers = generator.standard_normal((rows, 384))
    query = generator.standard_normal(384)
    truth = ((numbers > 0) != (query > 0)).sum(axis=1)
    distances, places = nearest(signs_of(numbers), signs_of(query), count)
    assert sorted(distances) == sorted(truth)[:count]
    assert len(set(places.tolist())) == len(places) == min(rows, count)
    assert np.array_equal(truth[places], distances)
