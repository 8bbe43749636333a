"""The real model: near for the same meaning, far for another; one text's vector never depends on others."""

import json
from pathlib import Path

import numpy as np
import pytest

from penstock.cache.embedding.minilm import WINDOW, MiniLM
from penstock.cache.embedding.store import find, load
from penstock.cache.embedding.weights import MINILM

pytestmark = pytest.mark.semantic

ODD = ["", "   ", "\n", "\ud800 half a pair", "word " * 200, "a" * 5000, "語" * 200]


@pytest.fixture(scope="module")
def model(embedder_weights: None) -> MiniLM:
    made = load(MINILM)
    assert isinstance(made, MiniLM)
    return made


def cosine(model: MiniLM, first: str, second: str) -> float:
    one, other = model.encode([first, second])
    assert one is not None
    assert other is not None
    return float(one @ other)


def test_the_same_meaning_is_near_and_another_far(model: MiniLM) -> None:
    assert cosine(model, "How do I reset my password?", "I forgot my password, how can I reset it?") > 0.9
    assert cosine(model, "How do I reset my password?", "What is the weather in Paris?") < 0.2


def test_vectors_are_those_of_the_published_model(model: MiniLM) -> None:
    """Cosines that the published weights give in 32 bits, computed once; 8 bits are off by a little."""
    known = json.loads((Path(__file__).parent / "minilm_cosines.json").read_text())
    for first, second, wanted in known:
        assert cosine(model, first, second) == pytest.approx(wanted, abs=0.04), (first, second)


def test_a_vector_does_not_depend_on_its_neighbours(model: MiniLM) -> None:
    alone = model.encode(["a short one"])[0]
    beside = model.encode(["another that is much longer than the first one", "a short one", "x"])[1]
    assert alone is not None
    assert np.array_equal(alone, beside)


def test_vectors_are_of_length_one(model: MiniLM) -> None:
    for text in ("x", "Ünïcödé 😀", "1234 5678", "def f(): return 1"):
        (vector,) = model.encode([text])
        assert vector is not None
        assert vector.shape == (model.dimensions,)
        assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("text", ODD)
def test_what_cannot_be_embedded_is_none_and_spoils_nothing(model: MiniLM, text: str) -> None:
    bad, good = model.encode([text, "a good text"])
    assert bad is None
    assert good is not None
    assert not model.fits(text)


@pytest.mark.parametrize("count", [1, WINDOW - 3, WINDOW - 2, WINDOW - 1, WINDOW])
def test_what_fits_is_what_has_a_vector(model: MiniLM, count: int) -> None:
    for word in ("a ", "가 ", "hello "):
        text = word * count
        assert model.fits(text) == (model.encode([text])[0] is not None)
    assert model.fits("a " * (WINDOW - 2))
    assert not model.fits("a " * (WINDOW - 1))


def test_the_version_names_the_weights(model: MiniLM) -> None:
    assert model.version == MINILM.version
    assert find(MINILM).is_dir()
