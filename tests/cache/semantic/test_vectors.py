"""The call for vectors, and its answer."""

from __future__ import annotations

import json

import pytest

from penstock.cache.semantic.vectors import embedding_call, vectors_of


def told(*vectors: list[float]) -> bytes:
    return json.dumps(
        {"data": [{"index": at, "embedding": one} for at, one in reversed(list(enumerate(vectors)))]}
    ).encode()


def test_the_call_is_one_of_embeddings() -> None:
    call = embedding_call("e", ["a", "b"])
    assert (call.operation.name, call.model) == ("embeddings", "e")
    assert json.loads(call.body)["input"] == ["a", "b"]


def test_vectors_come_in_the_order_of_the_texts() -> None:
    assert vectors_of(told([1.0], [2.0]), 2) == [[1.0], [2.0]]


@pytest.mark.parametrize(
    "body",
    [None, b"", b"[]", b'{"data":[]}', told([1.0]), told([1.0], [2.0], [3.0]),
     b'{"data":[{"index":0,"embedding":"AAA="}]}',
     b'{"data":[{"index":1,"embedding":[1]},{"index":1,"embedding":[1]}]}'],
)  # fmt: skip
def test_an_answer_without_them(body: bytes | None) -> None:
    with pytest.raises(OSError, match="vectors"):
        vectors_of(body, 2)
