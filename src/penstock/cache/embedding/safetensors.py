"""Reads the safetensors format: arrays by name, as views of the bytes that enter. Nothing is copied or run.

Enters the whole content of a file, or a memory map of it. Leaves numpy arrays. Fails with ValueError on anything
that is not whole.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

TYPES: dict[str, Any] = {"F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "I8": np.int8}
LARGEST_HEADER = 1 << 24


def arrays(data: bytes | memoryview) -> dict[str, np.ndarray[Any, Any]]:
    """Every tensor of the file by its name. Raises ValueError."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(LARGEST_HEADER, len(data) - 8):
        raise ValueError("this is no safetensors file, or it is cut off")
    try:
        header = json.loads(bytes(data[8 : 8 + size]))
        return {name: _array(data, 8 + size, entry) for name, entry in header.items() if name != "__metadata__"}
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"the header of the safetensors file makes no sense: {error!r}") from error


def _array(data: bytes | memoryview, base: int, entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    kind = TYPES[entry["dtype"]]
    shape = [int(side) for side in entry["shape"]]
    begin, end = (int(offset) for offset in entry["data_offsets"])
    count = math.prod(shape)
    if begin < 0 or end - begin != count * np.dtype(kind).itemsize or base + end > len(data):
        raise ValueError("a tensor of the safetensors file reaches beyond its end")
    return np.frombuffer(data, kind, count, base + begin).reshape(shape)
