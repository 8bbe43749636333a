"""Writes models in the ONNX format, as far as ours need it: the same bytes for the same model, with no library.

Enters nodes, constants and the names of what goes in and comes out. Leaves the bytes of a ModelProto, whose field
numbers (ONNX, onnx.proto) are the numbers below. The format never changes a number once given.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FLOAT, INT8, INT32, INT64 = 1, 3, 6, 7
KINDS: dict[str, int] = {"float32": FLOAT, "int8": INT8, "int32": INT32, "int64": INT64}
IR_VERSION = 9
OPSET = 18
CONTRIB = "com.microsoft"
"""Operators that onnxruntime has beyond the standard ones."""

Attribute = int | float


def varint(number: int) -> bytes:
    """An unsigned number, or a negative one as 64 bits of two's complement."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def whole(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def block(field: int, data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


class Graph:
    """A model being put together. Names are the caller's; each stands for one value."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._ends: list[bytes] = []

    def constant(self, name: str, value: np.ndarray[Any, Any]) -> str:
        """A fixed array."""
        dims = b"".join(whole(1, side) for side in value.shape)
        raw = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<"), copy=False).tobytes()
        self._constants.append(dims + whole(2, KINDS[value.dtype.name]) + block(8, name) + block(9, raw))
        return name

    def node(self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Attribute) -> str:
        """One operation; the name of its first output. An input that is left out is an empty name."""
        body = b"".join(block(1, name) for name in inputs) + b"".join(block(2, name) for name in outputs)
        body += block(3, outputs[0]) + block(4, kind)
        for name, value in attributes.items():
            body += block(5, _attribute(name, value))
        self._nodes.append(body + (block(7, domain) if domain else b""))
        return outputs[0]

    def enters(self, name: str, kind: int, shape: list[str | int]) -> None:
        self._ends.append(block(11, _described(name, kind, shape)))

    def leaves(self, name: str, kind: int, shape: list[str | int]) -> None:
        self._ends.append(block(12, _described(name, kind, shape)))

    def model(self, producer: str) -> bytes:
        """The whole model."""
        graph = b"".join(block(1, node) for node in self._nodes) + block(2, self._name)
        graph += b"".join(block(5, constant) for constant in self._constants) + b"".join(self._ends)
        opsets = block(8, block(1, "") + whole(2, OPSET)) + block(8, block(1, CONTRIB) + whole(2, 1))
        return whole(1, IR_VERSION) + block(2, producer) + block(7, graph) + opsets

    def __repr__(self) -> str:
        return f"<Graph {self._name}: {len(self._nodes)} nodes, {len(self._constants)} constants>"


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        return block(1, name) + varint(2 << 3 | 5) + np.array(value, "<f4").tobytes() + whole(20, 1)
    return block(1, name) + whole(3, value) + whole(20, 2)


def _described(name: str, kind: int, shape: list[str | int]) -> bytes:
    sides = b"".join(block(1, whole(1, side) if isinstance(side, int) else block(2, side)) for side in shape)
    return block(1, name) + block(2, block(1, whole(1, kind) + block(2, sides)))
