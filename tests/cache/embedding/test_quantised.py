"""The small model is near the large one; the arithmetic is exact about what it rounds."""

import hashlib

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from penstock.cache.embedding.quantised import DIMENSIONS, LAYERS, MATRIX_LIMIT, quantised, scaled

WORDS, PLACES = 50, 16


def weights(seed: int = 1) -> dict[str, np.ndarray]:
    """A model of the right shape with a small vocabulary and random numbers."""
    generator = np.random.default_rng(seed)

    def some(*shape: int, spread: float = 0.05) -> np.ndarray:
        return (generator.standard_normal(shape) * spread).astype(np.float32)

    made = {
        "embeddings.word_embeddings.weight": some(WORDS, DIMENSIONS, spread=0.5),
        "embeddings.position_embeddings.weight": some(PLACES, DIMENSIONS),
        "embeddings.token_type_embeddings.weight": some(2, DIMENSIONS),
    }
    sizes = {
        "attention.output": (DIMENSIONS, DIMENSIONS),
        "output": (DIMENSIONS, 1536),
        "intermediate": (1536, DIMENSIONS),
    }
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        matrices = {f"{at}attention.self.{part}": (DIMENSIONS, DIMENSIONS) for part in ("query", "key", "value")}
        matrices |= {f"{at}{part}.dense": shape for part, shape in sizes.items()}
        for name, shape in matrices.items():
            made |= {f"{name}.weight": some(*shape), f"{name}.bias": some(shape[0])}
    norms = ["embeddings.LayerNorm"]
    norms += [
        f"encoder.layer.{layer}.{part}.LayerNorm" for layer in range(LAYERS) for part in ("attention.output", "output")
    ]
    for name in norms:
        made |= {f"{name}.weight": 1 + some(DIMENSIONS), f"{name}.bias": some(DIMENSIONS)}
    return made


def exact(weights: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """The same network in plain numpy, nothing rounded."""
    from math import erf

    def norm(flow: np.ndarray, name: str) -> np.ndarray:
        centred = flow - flow.mean(axis=1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return centred / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def dense(flow: np.ndarray, name: str) -> np.ndarray:
        return flow @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    flow = weights["embeddings.word_embeddings.weight"][ids]
    flow = flow + weights["embeddings.position_embeddings.weight"][: len(ids)]
    flow = norm(flow + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        query, key, value = (
            dense(flow, f"{at}attention.self.{part}").reshape(len(ids), 12, 32).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        weight = np.exp(query @ key.transpose(0, 2, 1) / np.sqrt(32))
        seen = (weight / weight.sum(axis=2, keepdims=True) @ value).transpose(1, 0, 2).reshape(len(ids), -1)
        flow = norm(dense(seen, f"{at}attention.output.dense") + flow, f"{at}attention.output.LayerNorm")
        wide = dense(flow, f"{at}intermediate.dense")
        wide = wide * 0.5 * (1 + np.vectorize(erf)(wide / np.sqrt(2)))
        flow = norm(dense(wide, f"{at}output.dense") + flow, f"{at}output.LayerNorm")
    mean = flow.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def test_it_computes_what_the_network_says() -> None:
    those = weights()
    session = onnxruntime.InferenceSession(quantised(those), providers=["CPUExecutionProvider"])
    for ids in ([3], [1, 2, 3, 4, 5], list(range(PLACES))):
        row = np.array([ids], np.int32)
        (found,) = session.run(None, {"ids": row, "mask": np.ones_like(row)})
        assert float(np.linalg.norm(found[0])) == pytest.approx(1, abs=1e-5)
        assert float(found[0] @ exact(those, ids)) > 0.99


def test_padding_is_not_seen() -> None:
    session = onnxruntime.InferenceSession(quantised(weights()), providers=["CPUExecutionProvider"])
    short = np.array([[1, 2, 3]], np.int32)
    padded = np.array([[1, 2, 3, 0, 0]], np.int32)
    (alone,) = session.run(None, {"ids": short, "mask": np.ones_like(short)})
    (beside,) = session.run(None, {"ids": padded, "mask": np.array([[1, 1, 1, 0, 0]], np.int32)})
    assert float(alone[0] @ beside[0]) > 0.99


def test_the_same_weights_make_the_same_bytes() -> None:
    first, second = (hashlib.sha256(quantised(weights())).hexdigest() for _ in range(2))
    assert first == second


def test_other_weights_are_refused() -> None:
    those = weights()
    del those["encoder.layer.5.output.dense.bias"]
    with pytest.raises(KeyError):
        quantised(those)


FLOATS = st.floats(-100, 100, width=32)


@given(arrays.arrays(np.float32, (4, 6), elements=FLOATS), st.sampled_from([0, 1]), st.sampled_from([63, 127]))
def test_rounding_is_off_by_half_a_step_at_most(matrix: np.ndarray, axis: int, limit: int) -> None:
    whole, factors = scaled(matrix, axis, limit)
    assert np.abs(whole.astype(int)).max() <= limit
    assert np.all(np.abs(whole * factors - matrix) <= factors * 0.501 + 1e-30)


def test_two_products_fit_into_sixteen_bits() -> None:
    assert 2 * 255 * MATRIX_LIMIT < 2**15
