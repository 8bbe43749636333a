"""OpenAI's embeddings: the inputs of a request, and the answers of built-in models, as floats or base64.

Enters: a body that ``peek`` accepted, or vectors. Leaves: texts, or bytes in the dialect. May fail: CallerError 400.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

import msgspec

from penstock.core.errors import CallerError
from penstock.wire.counts import Usage


class Request(msgspec.Struct):
    """What a model needs of an embeddings request: a text, texts, tokens or lists of tokens."""

    input: str | list[str | int | list[int]]
    encoding_format: str | None = None
    dimensions: int | None = None

    @property
    def texts(self) -> list[str]:
        """The inputs as text; tokens are written as numbers."""
        if isinstance(self.input, str):
            return [self.input]
        if any(isinstance(item, int) for item in self.input):
            return [" ".join(map(str, self.input))]
        return [item if isinstance(item, str) else _numbers(item) for item in self.input]


def _numbers(tokens: str | int | list[int]) -> str:
    return " ".join(map(str, tokens)) if isinstance(tokens, list) else str(tokens)


def request(body: bytes) -> Request:
    """The request in ``body``. Raises CallerError."""
    try:
        found = msgspec.json.decode(body, type=Request)
    except msgspec.DecodeError as error:
        raise CallerError(f"not an embeddings request: {error}", code="invalid_type", param="input") from None
    if isinstance(found.input, list) and len({type(item) for item in found.input}) > 1:
        raise CallerError("'input' mixes texts and tokens", code="invalid_type", param="input")
    if found.encoding_format not in (None, "float", "base64"):
        raise CallerError(
            "'encoding_format' must be 'float' or 'base64'", code="invalid_value", param="encoding_format"
        )
    if found.dimensions is not None and not 0 < found.dimensions <= 65_536:
        raise CallerError("'dimensions' must be between 1 and 65536", code="invalid_value", param="dimensions")
    return found


def embeddings_list(
    model: str, vectors: Sequence[Sequence[float]], usage: Usage, encoding_format: str | None = None
) -> bytes:
    """A whole answer. ``base64`` is of little-endian 32-bit floats, as OpenAI's SDKs read it."""
    data = [
        {"object": "embedding", "index": index, "embedding": _written(vector, encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    counts = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": counts})


def _written(vector: Sequence[float], encoding_format: str | None) -> str | list[float]:
    if encoding_format != "base64":
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
