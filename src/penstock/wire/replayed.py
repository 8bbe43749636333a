"""A whole answer told as a stream, and a stream told as the whole answer: for answers that were kept.

Enters: an operation's name and a body, or all events of a stream. Leaves: frames of one event each, or a body; None
where the operation is not understood. May fail: UpstreamError (``upstream_malformed``) for an answer that does not
hold what its dialect says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from penstock.wire.collected import malformed
from penstock.wire.replayed_responses import response_events
from penstock.wire.shared_answer import collecting
from penstock.wire.sse import DONE, encode, parse, split
from penstock.wire.told import JSON_ERRORS, elements, members

_PIECE = re.compile(r"\s*\S+\s*|\s+")
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_DELTAS = {"text": ("text", "text_delta"), "thinking": ("thinking", "thinking_delta")}


def as_events(operation: str, body: bytes, usage_wanted: bool) -> list[bytes] | None:
    """The frames of a stream that says what ``body`` says."""
    make = _MAKERS.get(operation)
    if make is None:
        return None
    try:
        whole = msgspec.json.decode(body)
        if not isinstance(whole, dict):
            raise malformed("an answer that is no object")
        return list(make(whole, usage_wanted))
    except (*JSON_ERRORS, TypeError, KeyError, AttributeError, ValueError):
        raise malformed("an answer that cannot be told as a stream") from None


def as_whole(operation: str, data: bytes, usage: bytes = b"") -> bytes | None:
    """The body that says what the events in ``data`` say; ``usage`` was told apart from them."""
    if operation == "responses":
        return _completed(data)
    if operation not in ("chat", "completions", "messages"):
        return None
    collected = collecting(operation)
    collected.add(data)
    if usage:
        collected.add(b'data: {"choices":[],"usage":%b}\n\n' % usage)
    return collected.body()


def usage_event(data: bytes, usage: bytes) -> bytes:
    """The chunk that tells ``usage``, in the names of the stream that ``data`` begins."""
    first = next((event for one in split(data) for event in parse(one)), None)  # what comes before may be a comment
    try:
        chunk = {} if first is None else members(msgspec.json.decode(first.data))
    except JSON_ERRORS:
        chunk = {}
    named = {name: chunk[name] for name in ("id", "object", "created", "model") if name in chunk}
    return encode(msgspec.json.encode(named | {"choices": [], "usage": msgspec.Raw(usage)}))


def _completed(data: bytes) -> bytes:
    """The answer in the last event of a stream of the Responses API."""
    at = data.rfind(b'"response.completed"')
    start = max(data.rfind(b"\n\n", 0, max(at, 0)), data.rfind(b"\r\n\r\n", 0, max(at, 0))) + 1
    for event in parse(data[start:]):
        try:
            found = msgspec.json.decode(event.data, type=dict[str, msgspec.Raw])
        except JSON_ERRORS:
            continue
        if "response" in found:
            return bytes(found["response"])
    raise malformed("a stream without an answer")


def _pieces(text: str) -> list[str]:
    return _PIECE.findall(text)


def _chunks(kind: str) -> Callable[[dict[str, Any], bool], Iterator[bytes]]:
    """What makes the chunks of chat completions, or of completions."""

    def make(whole: dict[str, Any], usage_wanted: bool) -> Iterator[bytes]:
        head = {name: value for name, value in whole.items() if name not in ("choices", "usage")}
        head["object"] = "chat.completion.chunk" if kind == "chat" else "text_completion"

        def chunk(choices: list[Any], **more: Any) -> bytes:
            return encode(msgspec.json.encode({**head, "choices": choices, **more}))

        choices = elements(whole["choices"])
        if not choices:
            raise malformed("an answer without choices")
        for choice in choices:
            index = choice.get("index", 0)
            told = _chat_deltas(choice) if kind == "chat" else _texts(choice)
            for part in told:
                yield chunk([{"index": index, **part, "finish_reason": None}])
            last: dict[str, Any] = {"delta": {}} if kind == "chat" else {"text": ""}
            rest = {name: value for name, value in choice.items() if name not in ("message", "text", "logprobs")}
            yield chunk([{**last, "logprobs": None, **rest}])
        if usage_wanted and whole.get("usage") is not None:
            yield chunk([], usage=whole["usage"])
        yield DONE

    return make


def _texts(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    text, logprobs = choice["text"] or "", choice.get("logprobs")
    for piece in [text] if logprobs is not None else _pieces(text):
        yield {"text": piece, "logprobs": logprobs}


def _chat_deltas(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    message, logprobs = members(choice["message"]), choice.get("logprobs")
    yield {"delta": {"role": message.get("role", "assistant"), "content": ""}}
    for name, value in message.items():
        if name in ("role", "tool_calls") or value is None:
            continue
        if name == "content" and isinstance(value, str) and logprobs is not None:
            yield {"delta": {"content": value}, "logprobs": logprobs}
        elif isinstance(value, str):
            yield from ({"delta": {name: piece}} for piece in _pieces(value))
        elif value:
            yield {"delta": {name: value}}
    for position, call in enumerate(elements(message.get("tool_calls"))):
        function = call.get("function")
        if not isinstance(function, dict):
            yield {"delta": {"tool_calls": [{"index": position, **call}]}}
            continue
        begun = {"index": position, **call, "function": {**function, "arguments": ""}}
        yield {"delta": {"tool_calls": [begun]}}
        part = {"index": position, "function": {"arguments": function.get("arguments", "")}}
        yield {"delta": {"tool_calls": [part]}}


def _message_events(whole: dict[str, Any], usage_wanted: bool) -> Iterator[bytes]:
    usage = members(whole.get("usage"))
    begun = {**whole, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 0}}
    if not isinstance(whole["content"], list):
        raise malformed("a message without content")
    yield _event("message_start", message=begun)
    for index, block in enumerate(elements(whole["content"])):
        yield from _block_events(index, block)
    delta = {name: whole.get(name) for name in ("stop_reason", "stop_sequence")}
    yield _event("message_delta", delta=delta, usage={"output_tokens": usage.get("output_tokens", 0)})
    yield _STOP


def _block_events(index: int, block: dict[str, Any]) -> Iterator[bytes]:
    kind = block.get("type")
    begun = dict(block)
    deltas: list[dict[str, Any]] = []
    if isinstance(kind, str) and kind in _DELTAS:
        member, name = _DELTAS[kind]
        begun[member] = ""
        deltas = [{"type": name, member: piece} for piece in _pieces(str(block.get(member) or ""))]
        deltas += [{"type": "citations_delta", "citation": cited} for cited in elements(block.get("citations"))]
        begun.pop("citations", None)
        if "signature" in block:
            begun["signature"] = ""
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif isinstance(kind, str) and kind.endswith("tool_use"):
        begun["input"] = {}
        deltas = [{"type": "input_json_delta", "partial_json": msgspec.json.encode(block.get("input") or {}).decode()}]
    yield _event("content_block_start", index=index, content_block=begun)
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _event(kind: str, **fields: Any) -> bytes:
    return encode(msgspec.json.encode({"type": kind, **fields}), kind)


def _response(whole: dict[str, Any], usage_wanted: bool) -> Iterator[bytes]:
    return response_events(whole)


_MAKERS: dict[str, Callable[[dict[str, Any], bool], Iterator[bytes]]] = {
    "chat": _chunks("chat"),
    "completions": _chunks("completions"),
    "messages": _message_events,
    "responses": _response,
}
