"""OpenAI's legacy completions: the answers of built-in models. Enters: their parts. Leaves: bytes. Does not fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from penstock.wire.counts import Usage
from penstock.wire.openai_chat import usage_object
from penstock.wire.sse import DONE, encode


def _body(id: str, model: str, created: int, text: str, finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    return {"id": id, "object": "text_completion", "created": created, "model": model, "choices": [choice]}


def completion(id: str, model: str, created: int, text: str, usage: Usage, finish: str = "stop") -> bytes:
    """A whole answer."""
    return msgspec.json.encode(_body(id, model, created, text, finish) | {"usage": usage_object(usage)})


def chunk(
    id: str, model: str, created: int, text: str = "", finish: str | None = None, usage: Usage | None = None
) -> bytes:
    """One event of a stream: text, the finish, or (when ``usage`` is given) the last one, without choices."""
    body = _body(id, model, created, text, finish)
    if usage is not None:
        body |= {"choices": [], "usage": usage_object(usage)}
    return encode(msgspec.json.encode(body))


def stream(
    id: str, model: str, created: int, pieces: Iterable[str], usage: Usage | None = None, finish: str = "stop"
) -> Iterator[bytes]:
    """All events of a streamed answer, one frame each; ``usage`` only where the caller asked for it."""
    for piece in pieces:
        yield chunk(id, model, created, piece)
    yield chunk(id, model, created, finish=finish)
    if usage is not None:
        yield chunk(id, model, created, usage=usage)
    yield DONE
