"""The real word vectors: near for the same meaning, far for another."""

import numpy as np
import pytest

from penstock.cache.embedding.static import WINDOW, Static
from penstock.cache.embedding.store import find, load
from penstock.cache.embedding.weights import STATIC

pytestmark = pytest.mark.semantic

ODD = ["", "   ", "\n", "\ud800 half a pair", "word " * 600, "a" * 9000, "語" * 600]


@pytest.fixture(scope="module")
def model(embedder_weights: None) -> Static:
    made = load(STATIC)
    assert isinstance(made, Static)
    return made


def cosine(model: Static, first: str, second: str) -> float:
    one, other = model.encode([first, second])
    assert one is not None
    assert other is not None
    return float(one @ other)


def test_the_same_meaning_is_near_and_another_far(model: Static) -> None:
    assert cosine(model, "How do I reset my password?", "I forgot my password, how can I reset it?") > 0.8
    assert cosine(model, "How do I reset my password?", "What is the weather in Paris?") < 0.2


def test_it_is_the_mean_of_the_words(model: Static) -> None:
    one, other, both = model.encode(["cat", "dog", "cat dog"])
    assert one is not None
    assert other is not None
    assert both is not None
    assert float(both @ (one + other)) / float(np.linalg.norm(one + other)) > 0.9


def test_a_vector_does_not_depend_on_its_neighbours(model: Static) -> None:
    alone = model.encode(["a short one"])[0]
    beside = model.encode(["another that is much longer than the first one", "a short one", "x"])[1]
    assert alone is not None
    assert np.array_equal(alone, beside)


def test_vectors_are_of_length_one(model: Static) -> None:
    for text in ("x", "Ünïcödé 😀", "1234 5678", "def f(): return 1"):
        (vector,) = model.encode([text])
        assert vector is not None
        assert vector.shape == (model.dimensions,)
        assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("text", ODD)
def test_what_cannot_be_embedded_is_none_and_spoils_nothing(model: Static, text: str) -> None:
    bad, good = model.encode([text, "a good text"])
    assert bad is None
    assert good is not None
    assert not model.fits(text)


@pytest.mark.parametrize("count", [1, WINDOW - 2, WINDOW - 1, WINDOW, WINDOW + 1])
def test_what_fits_is_what_has_a_vector(model: Static, count: int) -> None:
    for word in ("a", "가", "hello", "😀"):
        text = " ".join([word] * count)
        assert model.fits(text) == (model.encode([text])[0] is not None)


def test_the_version_names_the_weights(model: Static) -> None:
    assert model.version == STATIC.version
    assert find(STATIC).is_dir()
