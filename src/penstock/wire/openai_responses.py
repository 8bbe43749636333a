"""OpenAI's Responses: the answers of built-in models, whole and as events. Enters: their parts. Leaves: bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from penstock.wire.counts import Usage
from penstock.wire.sse import encode


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _message(id: str, status: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": f"msg_{id}", "type": "message", "status": status, "role": "assistant", "content": parts}


def _object(
    id: str, model: str, created: int, status: str, output: list[dict[str, Any]], usage: Usage | None
) -> dict[str, Any]:
    counts = None
    if usage is not None:
        counts = {
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": usage.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.total_tokens,
        }
    return {
        "id": id,
        "object": "response",
        "created_at": created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": counts,
    }


def _status(finish: str) -> str:
    """``finish`` is chat's word for why an answer ended: ``length`` means that it was cut."""
    return "incomplete" if finish == "length" else "completed"


def response(id: str, model: str, created: int, text: str, usage: Usage, finish: str = "stop") -> bytes:
    """A whole answer."""
    status = _status(finish)
    return msgspec.json.encode(_object(id, model, created, status, [_message(id, status, [_part(text)])], usage))


def stream(
    id: str, model: str, created: int, pieces: Iterable[str], usage: Usage, finish: str = "stop"
) -> Iterator[bytes]:
    """All events of a streamed answer, one frame each."""
    status = _status(finish)
    number = 0

    def event(kind: str, **fields: Any) -> bytes:
        nonlocal number
        body = {"type": kind, "sequence_number": number, **fields}
        number += 1
        return encode(msgspec.json.encode(body), kind)

    item: dict[str, Any] = {"item_id": f"msg_{id}", "output_index": 0, "content_index": 0}
    begun = _object(id, model, created, "in_progress", [], None)
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    yield event("response.output_item.added", output_index=0, item=_message(id, "in_progress", []))
    yield event("response.content_part.added", **item, part=_part(""))
    said: list[str] = []
    for piece in pieces:
        said.append(piece)
        yield event("response.output_text.delta", **item, delta=piece, logprobs=[])
    text = "".join(said)
    message = _message(id, status, [_part(text)])
    yield event("response.output_text.done", **item, text=text, logprobs=[])
    yield event("response.content_part.done", **item, part=_part(text))
    yield event("response.output_item.done", output_index=0, item=message)
    yield event(f"response.{status}", response=_object(id, model, created, status, [message], usage))
