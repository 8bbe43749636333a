"""Static word vectors of WordLlama in this process: the mean of a text's tokens. 256 dimensions, English.

Enters the weights' files; the vectors stay a memory map, 16 MB shared by all workers. Leaves unit vectors, some
twenty-five times quicker than MiniLM and less good at telling texts apart. Raises whatever tokenizers raises.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tokenizers

from penstock.cache.embedding.safetensors import arrays
from penstock.cache.embedding.texts import readable
from penstock.cache.embedding.vectors import checked

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Vector

DIMENSIONS = 256
WINDOW = 128
"""A mean has no window, but of many words it says little: what is longer is refused."""
TENSOR = "embedding.weight"


class Static:
    """``encode`` is quick enough for the event loop."""

    name = "static"
    dimensions = DIMENSIONS
    window = WINDOW
    batch = 1

    def __init__(self, folder: Path, version: str) -> None:
        self.version = version
        with (folder / "vectors.safetensors").open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._vectors = arrays(memoryview(mapped))[TENSOR]
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def fits(self, text: str) -> bool:
        if len(text) < WINDOW and text.isascii():  # a token is at least a character; one may be put before the text
            return not text.isspace() and text != ""
        return self._ids(text) is not None

    def encode(self, texts: list[str]) -> list[Vector | None]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Vector | None:
        ids = self._ids(text)
        if ids is None:
            return None
        vector = checked(self._vectors[ids].mean(axis=0, dtype=np.float32), DIMENSIONS)
        if vector is None:
            raise ValueError("the model gave no usable vector")
        return vector

    def _ids(self, text: str) -> list[int] | None:
        """Its tokens; None when there are too many, none, or when it is no text that can be written down."""
        if not readable(text):
            return None
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids if 0 < len(ids) <= WINDOW else None

    def __repr__(self) -> str:
        return f"<Static {self.version}>"
