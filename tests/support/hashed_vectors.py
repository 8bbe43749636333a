"""A cheap embedder for tests: words and letter triples hashed to 256 dimensions; equal texts, equal vectors."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIMENSIONS = 256


def hashed_vectors(texts: list[str]) -> NDArray[np.float32]:
    """One row of length 1 a text."""
    import numpy as np

    made = np.zeros((len(texts), DIMENSIONS), np.float32)
    for row, text in zip(made, texts, strict=True):
        for word in text.lower().split():
            parts = [(word, 1.0), *((f" {word} "[at : at + 3], 0.4) for at in range(len(word)))]
            for part, weight in parts:
                hashed = zlib.crc32(part.encode())
                row[hashed % DIMENSIONS] += weight if hashed & 0x10000 else -weight
    return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)
