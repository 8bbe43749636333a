"""One answer for callers who want it as a stream and for callers who want it whole. Pure.

Enters: an operation, and what flowed: events, or the body of a whole answer. Leaves: the body, or events, that say the
same. May fail: UpstreamError for what does not hold what its dialect says. ``mixable`` tells for which calls the two
say the same at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from penstock.core.errors import UpstreamError
from penstock.wire.collected import MOST_BYTES, Collected, CollectedChoices, malformed
from penstock.wire.collected_messages import CollectedMessage
from penstock.wire.sse import DONE, encode
from penstock.wire.streamed import HARMLESS
from penstock.wire.told import JSON_ERRORS, elements, members

_MIXED = frozenset({"chat", "completions", "messages"})
_ODD = frozenset(HARMLESS) - {"stream_options"}


def mixable(operation: str, fields: Mapping[str, Any]) -> bool:
    """Whether a call of these ``fields`` gets the same answer as a stream and whole."""
    if operation not in _MIXED:
        return False
    return _ODD.isdisjoint(fields) or all(fields[name] in HARMLESS[name] for name in _ODD & fields.keys())


def collecting(operation: str, most: int = MOST_BYTES) -> Collected:
    """What gathers the events of a stream into the body of a whole answer."""
    return CollectedMessage(most) if operation == "messages" else CollectedChoices(most)


def as_events(operation: str, body: bytes) -> bytes:
    """All events of a stream that says what ``body`` says, usage included. Raises UpstreamError."""
    try:
        whole = msgspec.json.decode(body)
        if not isinstance(whole, dict):
            raise malformed("an answer that is no object")
        made = _message_events(whole) if operation == "messages" else _chunks(whole)
        return b"".join(made)
    except UpstreamError:
        raise
    except (*JSON_ERRORS, TypeError, ValueError):
        raise malformed("an answer that cannot be told as a stream") from None


def _chunks(whole: dict[str, Any]) -> Iterator[bytes]:
    """Chat completions and completions: a chunk for what each choice says, and one for why it ended."""
    facts = {name: value for name, value in whole.items() if name not in ("choices", "usage")}
    if facts.get("object") == "chat.completion":
        facts["object"] = "chat.completion.chunk"
    choices = elements(whole.get("choices"))
    if not choices:
        raise malformed("an answer without choices")
    for choice in choices:
        said = {name: value for name, value in choice.items() if name not in ("finish_reason", "message")}
        last: dict[str, Any] = {"index": choice.get("index", 0), "finish_reason": choice.get("finish_reason")}
        if "message" in choice:
            said["delta"] = _delta(members(choice["message"]))
            last["delta"] = {}
        else:
            last["text"] = ""
        yield _chunk(facts, [{**said, "finish_reason": None}])
        yield _chunk(facts, [last])
    if whole.get("usage") is not None:
        yield _chunk({**facts, "usage": whole["usage"]}, [])
    yield DONE


def _chunk(facts: dict[str, Any], choices: list[Any]) -> bytes:
    return encode(msgspec.json.encode({**facts, "choices": choices}))


def _delta(message: dict[str, Any]) -> dict[str, Any]:
    delta = dict(message)
    if "tool_calls" in delta:
        calls = elements(delta["tool_calls"])
        delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(calls)]
    return delta


def _message_events(whole: dict[str, Any]) -> Iterator[bytes]:
    if whole.get("type") != "message":
        raise malformed("an answer that is no message")
    usage = members(whole.get("usage"))
    begun = {**whole, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 0}}
    yield _event("message_start", message=begun)
    for index, block in enumerate(elements(whole.get("content"))):
        start, deltas = _block(block)
        yield _event("content_block_start", index=index, content_block=start)
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    delta = {name: whole.get(name) for name in ("stop_reason", "stop_sequence")}
    yield _event("message_delta", delta=delta, usage={"output_tokens": usage.get("output_tokens", 0)})
    yield _event("message_stop")


def _block(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a block begins in a stream, and what is added to it."""
    kind = block.get("type")
    start = dict(block)
    deltas: list[dict[str, Any]] = []
    if kind == "text":
        start["text"] = ""
        deltas += [{"type": "citations_delta", "citation": cited} for cited in elements(start.pop("citations", None))]
        deltas.append({"type": "text_delta", "text": block.get("text", "")})
    elif kind == "thinking":
        start["thinking"] = start["signature"] = ""
        deltas.append({"type": "thinking_delta", "thinking": block.get("thinking", "")})
        deltas.append({"type": "signature_delta", "signature": block.get("signature", "")})
    elif kind in ("tool_use", "server_tool_use"):
        start["input"] = {}
        told = msgspec.json.encode(block.get("input", {})).decode()
        deltas.append({"type": "input_json_delta", "partial_json": told})
    return start, deltas


def _event(kind: str, **fields: Any) -> bytes:
    return encode(msgspec.json.encode({"type": kind, **fields}), kind)
