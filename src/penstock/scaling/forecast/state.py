"""A forecaster's state as bytes, and back. Pure.

Enters: arrays by name; later bytes from a store that others may write to, and arrays of the shape that they must have.
Leaves: bytes; arrays that are as large, of that kind, and hold no number that none could hold. Fails with ValueError
for what is no such state: it is neither unpacked beyond the size that it must have, nor run.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

HEAD_BYTES = 1024
"""Of an array, before its numbers."""
VARIES = "past.values"
"""As many as there were, as far as they are kept."""


def written(parts: Mapping[str, Any]) -> bytes:
    """The arrays as bytes."""
    out = io.BytesIO()
    np.savez_compressed(out, **parts)
    return out.getvalue()


def read(data: bytes, like: Mapping[str, Any], most: int) -> dict[str, Any]:
    """The arrays in ``data``, which must be as those of ``like``; ``most``: values of the one that varies."""
    wanted = {name: np.asarray(value) for name, value in like.items()}
    found: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sizes = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if sizes.keys() != wanted.keys():
                raise ValueError("it has other parts")
            for name, value in wanted.items():
                number = most if name == VARIES else value.size
                if sizes[name].file_size > number * value.itemsize + HEAD_BYTES:
                    raise ValueError(f"{name} is too large")
                found[name] = np.load(io.BytesIO(archive.read(sizes[name])), allow_pickle=False)
    except (
        OSError, EOFError, KeyError, TypeError, MemoryError, OverflowError, RuntimeError, zlib.error,
        zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise ValueError(f"it cannot be read: {error}") from None
    for name, value in wanted.items():
        _check(name, found[name], value)
    return found


def _check(name: str, value: Any, like: Any) -> None:
    """What is unknown (NaN) or still empty (infinite) may be so only where it is in a new one, too."""
    fits = value.ndim == 1 if name == VARIES else value.shape == like.shape
    if not fits or value.dtype != like.dtype:
        raise ValueError(f"{name} is {value.dtype} {value.shape}")
    if value.dtype.kind == "i":
        wrong = bool((value < 0).any())
    else:
        nan, infinite = np.isnan(like).any(), np.isinf(like).any()
        wrong = bool((np.isnan(value).any() and not nan) or (np.isinf(value).any() and not infinite))
    if wrong:
        raise ValueError(f"{name} holds what is no such number")
