"""all-MiniLM-L6-v2 as a small int8 model: from the published weights to ONNX bytes. Pure, and always the same bytes.

Enters the arrays of model.safetensors. Leaves a model from token ids to unit vectors: token embeddings by row, matrices
by column in 8 bits, activations in 8 bits on the way. Fails with KeyError or ValueError on other weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.cache.embedding.onnx import CONTRIB, FLOAT, INT32, Graph

Array = np.ndarray[Any, Any]

LAYERS = 6
HEADS = 12
DIMENSIONS = 384
EPSILON = 1e-12
PRODUCER = "penstock-minilm 1"

# One bit less than there is for the matrices: two products of an unsigned 8-bit activation with such a weight always
# fit in 16 bits. With 8 bits, processors without VNNI saturate, and give other vectors than those with it.
MATRIX_LIMIT = 63
ROW_LIMIT = 127


def quantised(weights: dict[str, Array]) -> bytes:
    """The model as ONNX: ``ids`` and ``mask`` (int32, texts by tokens) to ``vector`` (texts by 384, of length 1)."""
    graph = Graph("all-MiniLM-L6-v2")
    graph.enters("ids", INT32, ["texts", "tokens"])
    graph.enters("mask", INT32, ["texts", "tokens"])
    flow = _embedded(graph, weights)
    for layer in range(LAYERS):
        flow = _layer(graph, weights, f"encoder.layer.{layer}.", f"l{layer}.", flow)
    _pooled(graph, flow)
    graph.leaves("vector", FLOAT, ["texts", DIMENSIONS])
    return graph.model(PRODUCER)


def scaled(matrix: Array, axis: int, limit: int) -> tuple[Array, Array]:
    """Whole numbers in ±limit, and the factors, one a position along the other axis, that give the matrix back."""
    factors = np.abs(matrix).max(axis=axis, keepdims=True) / np.float32(limit)
    factors = np.where(factors == 0, np.float32(1), factors).astype(np.float32)
    return np.clip(np.rint(matrix / factors), -limit, limit).astype(np.int8), factors


def _embedded(graph: Graph, weights: dict[str, Array]) -> str:
    rows, factors = scaled(weights["embeddings.word_embeddings.weight"], 1, ROW_LIMIT)
    graph.constant("words", rows)
    graph.constant("words.factor", factors)
    graph.node("Gather", ["words", "ids"], ["word.whole"])
    graph.node("Gather", ["words.factor", "ids"], ["word.factor"])
    graph.node("Cast", ["word.whole"], ["word.float"], to=FLOAT)
    graph.node("Mul", ["word.float", "word.factor"], ["word"])
    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    graph.constant("places", places)
    graph.constant("zero", np.array([0], np.int64))
    graph.node("Shape", ["ids"], ["length"], start=1, end=2)
    graph.node("Slice", ["places", "zero", "length", "zero"], ["place"])
    graph.node("Add", ["word", "place"], ["sum"])
    return _normed(graph, weights, "embeddings.LayerNorm", "in", "sum")


def _layer(graph: Graph, weights: dict[str, Array], source: str, name: str, flow: str) -> str:
    attention = f"{source}attention.self."
    parts = ("query", "key", "value")
    matrix = np.concatenate([weights[f"{attention}{part}.weight"].T for part in parts], axis=1)
    offset = np.concatenate([weights[f"{attention}{part}.bias"] for part in parts])
    _dense(graph, matrix, offset, f"{name}qkv", flow)
    graph.node("Split", [f"{name}qkv"], [f"{name}q", f"{name}k", f"{name}v"], axis=-1, num_outputs=3)
    inputs = [f"{name}q", f"{name}k", f"{name}v", "", "mask"]
    graph.node("MultiHeadAttention", inputs, [f"{name}seen"], CONTRIB, num_heads=HEADS)
    flow = _step(graph, weights, f"{source}attention.output", f"{name}a", f"{name}seen", flow)
    inner = f"{source}intermediate.dense"
    _dense(graph, weights[f"{inner}.weight"].T, weights[f"{inner}.bias"], f"{name}wide", flow)
    graph.node("Gelu", [f"{name}wide"], [f"{name}gelu"], CONTRIB)
    return _step(graph, weights, f"{source}output", f"{name}f", f"{name}gelu", flow)


def _step(graph: Graph, weights: dict[str, Array], source: str, name: str, inner: str, flow: str) -> str:
    """A matrix, added to what it branched off from, and normed."""
    dense = f"{source}.dense"
    _dense(graph, weights[f"{dense}.weight"].T, weights[f"{dense}.bias"], f"{name}out", inner)
    graph.node("Add", [f"{name}out", flow], [f"{name}sum"])
    return _normed(graph, weights, f"{source}.LayerNorm", name, f"{name}sum")


def _dense(graph: Graph, matrix: Array, offset: Array, name: str, flow: str) -> None:
    rows, factors = scaled(np.ascontiguousarray(matrix), 0, MATRIX_LIMIT)
    inputs = [
        flow,
        graph.constant(f"{name}.matrix", rows),
        graph.constant(f"{name}.factor", factors[0]),
        graph.constant(f"{name}.zero", np.zeros(len(offset), np.int8)),
        graph.constant(f"{name}.offset", offset),
    ]
    graph.node("DynamicQuantizeMatMul", inputs, [name], CONTRIB)


def _normed(graph: Graph, weights: dict[str, Array], source: str, name: str, flow: str) -> str:
    factor = graph.constant(f"{name}.norm.factor", weights[f"{source}.weight"])
    offset = graph.constant(f"{name}.norm.offset", weights[f"{source}.bias"])
    return graph.node("LayerNormalization", [flow, factor, offset], [f"{name}.normed"], axis=-1, epsilon=EPSILON)


def _pooled(graph: Graph, flow: str) -> None:
    """The mean of all tokens; dividing by their number is left out, as the length is made 1 afterwards."""
    graph.constant("last", np.array([-1], np.int64))
    graph.constant("one", np.array([1], np.int64))
    graph.node("Cast", ["mask"], ["mask.float"], to=FLOAT)
    graph.node("Unsqueeze", ["mask.float", "last"], ["mask.wide"])
    graph.node("Mul", [flow, "mask.wide"], ["masked"])
    graph.node("ReduceSum", ["masked", "one"], ["pooled"], keepdims=0)
    graph.node("LpNormalization", ["pooled"], ["vector"], axis=-1, p=2)
