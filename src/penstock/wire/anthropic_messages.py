"""Anthropic's Messages: the answers of built-in models, whole and as events. Enters: their parts. Leaves: bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from penstock.wire.counts import Usage
from penstock.wire.sse import encode

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
"""The dialect's own keep-alive event."""


def usage_object(usage: Usage, completion_tokens: int) -> dict[str, Any]:
    """Usage in Anthropic's names, where ``input_tokens`` leaves cached ones out."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": completion_tokens,
    }


def _message(
    id: str, model: str, content: list[dict[str, Any]], stop: str | None, counts: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": counts,
    }


def message(id: str, model: str, text: str, usage: Usage, stop: str = "end_turn") -> bytes:
    """A whole answer."""
    counts = usage_object(usage, usage.completion_tokens)
    return msgspec.json.encode(_message(id, model, [{"type": "text", "text": text}], stop, counts))


def _event(kind: str, **fields: Any) -> bytes:
    return encode(msgspec.json.encode({"type": kind, **fields}), kind)


def stream(id: str, model: str, pieces: Iterable[str], usage: Usage, stop: str = "end_turn") -> Iterator[bytes]:
    """All events of a streamed answer, one frame each. Clients keep the input tokens that the first event tells."""
    yield _event("message_start", message=_message(id, model, [], None, usage_object(usage, 0)))
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield PING
    for piece in pieces:
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield _event("content_block_stop", index=0)
    yield _event(
        "message_delta",
        delta={"stop_reason": stop, "stop_sequence": None},
        usage={"output_tokens": usage.completion_tokens},
    )
    yield _event("message_stop")


def token_count(tokens: int) -> bytes:
    """The answer of ``count_tokens``."""
    return msgspec.json.encode({"input_tokens": tokens})
