"""Models that are written by hand must be ones that the runtime reads."""

import numpy as np
import onnxruntime
from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.embedding.onnx import FLOAT, Graph, varint


def run(model: bytes, **inputs: np.ndarray) -> np.ndarray:
    found = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, inputs)
    return np.asarray(found[0])


def unvarint(data: bytes) -> int:
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data))


@given(st.integers(0, 2**64 - 1))
def test_a_number_is_written_in_sevens(number: int) -> None:
    data = varint(number)
    assert unvarint(data) == number
    assert all(byte & 0x80 for byte in data[:-1])
    assert not data[-1] & 0x80


def test_a_negative_number_takes_ten_bytes() -> None:
    assert varint(-1) == b"\xff" * 9 + b"\x01"


def test_the_runtime_computes_what_the_graph_says() -> None:
    graph = Graph("sum")
    graph.enters("x", FLOAT, ["rows", 2])
    graph.constant("matrix", np.array([[1, 2], [3, 4]], np.float32).T)
    graph.node("MatMul", ["x", "matrix"], ["product"])
    graph.node(
        "LayerNormalization", ["product", graph.constant("g", np.ones(2, np.float32))], ["y"], axis=-1, epsilon=0.25
    )
    graph.leaves("y", FLOAT, ["rows", 2])
    model = graph.model("test")
    x = np.array([[1, 1], [0, 2]], np.float32)
    product = x @ np.array([[1, 2], [3, 4]], np.float32).T
    centred = product - product.mean(axis=1, keepdims=True)
    wanted = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 0.25)
    assert np.allclose(run(model, x=x), wanted, atol=1e-6)


def test_the_same_graph_is_the_same_bytes() -> None:
    def made() -> bytes:
        graph = Graph("one")
        graph.enters("x", FLOAT, [1])
        graph.node("Neg", ["x"], ["y"])
        graph.leaves("y", FLOAT, [1])
        return graph.model("test")

    assert made() == made()
