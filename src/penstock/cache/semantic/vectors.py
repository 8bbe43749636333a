"""The call that asks an upstream for vectors, and what it answers. Pure.

Enters: texts, or the body of an answer. Leaves: a call, or lists of numbers in the order of the texts. May fail:
OSError for an answer that does not hold them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.core.call import Call
from penstock.wire.json import fill
from penstock.wire.operations import ROUTES


class _One(msgspec.Struct):
    embedding: list[float]
    index: int


class _Told(msgspec.Struct):
    data: list[_One]


_decode = msgspec.json.Decoder(_Told).decode


def embedding_call(model: str, texts: list[str]) -> Call:
    """Asks ``model`` for the vectors of ``texts``."""
    operation = ROUTES["/v1/embeddings"]
    headers = [(b"content-type", b"application/json")]
    call = Call(operation, "POST", "/v1/embeddings", b"", headers, "127.0.0.1")
    fields: dict[str, Any] = {"model": model, "input": texts, "encoding_format": "float"}
    fill(call, msgspec.json.encode(fields))
    return call


def vectors_of(body: bytes | None, count: int) -> list[list[float]]:
    """The vectors in an answer, in the order of what was asked. Raises OSError."""
    if body is None:
        raise OSError("no answer with vectors")
    try:
        told = _decode(body).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OSError(f"an answer without vectors: {error}") from None
    found = {one.index: one.embedding for one in told}
    if sorted(found) != list(range(count)) or len(told) != count:
        raise OSError(f"{len(told)} vectors for {count} texts")
    return [found[index] for index in range(count)]
