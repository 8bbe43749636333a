"""all-MiniLM-L6-v2 in this process: onnxruntime on one thread. 384 dimensions, English.

Enters the content of the weights' files. Leaves unit vectors. One text a run: on one core a batch is no faster than its
texts one by one, padding makes it slower, and 8-bit activations would make a text's vector depend on its neighbours.
Raises whatever onnxruntime and tokenizers raise.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import tokenizers

from penstock.cache.embedding.texts import readable
from penstock.cache.embedding.vectors import checked

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Vector

DIMENSIONS = 384
WINDOW = 128
"""What it was trained with. It would read 512, but what stands beyond its training hardly moves the vector."""
SPECIAL = 2
QUIET = 3
"""onnxruntime's word for "errors only": its warnings are for who makes models."""


class MiniLM:
    """``encode`` may run on any thread, on one at a time."""

    name = "minilm"
    dimensions = DIMENSIONS
    window = WINDOW
    batch = 1

    def __init__(self, folder: Path, version: str) -> None:
        self.version = version
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = QUIET
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def fits(self, text: str) -> bool:
        if len(text) <= WINDOW - SPECIAL and text.isascii():  # a token is at least a character
            return not text.isspace() and text != ""
        return self._ids(text) is not None

    def encode(self, texts: list[str]) -> list[Vector | None]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Vector | None:
        ids = self._ids(text)
        if ids is None:
            return None
        row = np.array([ids], np.int32)
        (found,) = self._session.run(None, {"ids": row, "mask": np.ones_like(row)})
        vector = checked(found[0], DIMENSIONS)
        if vector is None:
            raise ValueError("the model gave no usable vector")
        return vector

    def _ids(self, text: str) -> list[int] | None:
        """Its tokens; None when there are too many, none, or when it is no text that can be written down."""
        if not readable(text):
            return None
        ids = self._tokenizer.encode(text).ids
        return ids if SPECIAL < len(ids) <= WINDOW else None

    def __repr__(self) -> str:
        return f"<MiniLM {self.version}>"
