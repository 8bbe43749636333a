"""OpenAI's chat completions: asking for usage and withholding it again, and the answers of built-in models.

Enters: request bodies that ``peek`` accepted, frames, or the parts of an answer. Leaves: bytes in the dialect.
May fail: ``ask_usage`` as json_scan does; the rest does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from penstock.wire.counts import Usage
from penstock.wire.json_scan import put_first, splice, value_of
from penstock.wire.sse import DONE, encode, split

_ASKED = b'{"include_usage":true}'
_TOLD = re.compile(rb'"usage"[ \t\r\n]*:[ \t\r\n]*\{')


class _Chunk(msgspec.Struct):
    choices: list[msgspec.Raw] | None = None
    usage: dict[str, msgspec.Raw] | None = None


_chunk = msgspec.json.Decoder(_Chunk)


def ask_usage(body: bytes) -> bytes:
    """``body`` with ``stream_options.include_usage`` true; the other stream options and every other byte stay."""
    old = value_of(body, "stream_options")
    if old is None:
        return put_first(body, {"stream_options": _ASKED})
    asked = splice(old, {"include_usage": b"true"}) if old.startswith(b"{") else _ASKED
    return splice(body, {"stream_options": asked})


def strip_usage_chunk(frame: bytes) -> bytes:
    """``frame`` without the chunks that only tell usage (``choices: []``): for callers who did not ask for them."""
    if b'"usage"' not in frame or _TOLD.search(frame) is None:
        return frame
    return b"".join(event for event in split(frame) if not _only_usage(event))


def _only_usage(event: bytes) -> bool:
    if _TOLD.search(event) is None:
        return False
    data = b"".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))
    try:
        chunk = _chunk.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return chunk.choices == [] and chunk.usage is not None


def usage_object(usage: Usage) -> dict[str, Any]:
    """Usage in OpenAI's names."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def completion(id: str, model: str, created: int, text: str, usage: Usage, finish: str = "stop") -> bytes:
    """A whole answer."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return msgspec.json.encode(
        {
            "id": id,
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": usage_object(usage),
        }
    )


def chunk(
    id: str,
    model: str,
    created: int,
    delta: dict[str, Any] | None = None,
    finish: str | None = None,
    usage: Usage | None = None,
) -> bytes:
    """One event of a stream: a delta, the finish, or (when ``usage`` is given) the last one, without choices."""
    choices: list[Any] = [{"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}]
    body: dict[str, Any] = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
    body["choices"] = choices if usage is None else []
    if usage is not None:
        body["usage"] = usage_object(usage)
    return encode(msgspec.json.encode(body))


def stream(
    id: str, model: str, created: int, pieces: Iterable[str], usage: Usage | None = None, finish: str = "stop"
) -> Iterator[bytes]:
    """All events of a streamed answer, one frame each; ``usage`` only where the caller asked for it."""
    yield chunk(id, model, created, {"role": "assistant", "content": ""})
    for piece in pieces:
        yield chunk(id, model, created, {"content": piece})
    yield chunk(id, model, created, finish=finish)
    if usage is not None:
        yield chunk(id, model, created, usage=usage)
    yield DONE
