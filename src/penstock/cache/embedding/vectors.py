"""Numbers made into a vector that can be trusted, and its 8-bit form for keeping. Pure.

Enters what a model or a server gave. Leaves a unit vector, or None for what is none: another dimension, NaN, infinity,
zero. The kept form is one signed byte a dimension; its length is made 1 again when it is compared, so that no factor
has to be kept beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Vector

LIMIT = 127


def checked(values: Sequence[float] | np.ndarray[Any, Any], dimensions: int) -> Vector | None:
    """The values as a unit vector."""
    try:
        vector = np.array(values, np.float32)
    except (TypeError, ValueError, OverflowError):
        return None
    if vector.shape != (dimensions,):
        return None
    largest = float(np.abs(vector).max(initial=0.0))
    if not 0.0 < largest < np.inf:  # false for NaN as well
        return None
    vector /= np.float32(largest)  # first, so that the squares of large or tiny numbers stay in range
    vector /= np.sqrt(np.dot(vector, vector))
    vector.flags.writeable = False
    return vector


def pack(vector: Vector) -> bytes:
    """The kept form: ``dimensions`` bytes."""
    return whole(vector).tobytes()


def whole(vector: Vector) -> np.ndarray[Any, np.dtype[np.int8]]:
    """The kept form as an array."""
    relative = vector / np.abs(vector).max()  # first, so that tiny numbers stay in range
    rounded: np.ndarray[Any, np.dtype[np.int8]] = np.rint(relative * np.float32(LIMIT)).astype(np.int8)
    return rounded


def unpack(data: bytes, dimensions: int) -> Vector | None:
    """A vector of length 1 from its kept form; None when it is damaged."""
    if len(data) != dimensions:
        return None
    return checked(np.frombuffer(data, np.int8).astype(np.float32), dimensions)
