"""Whether an answer is one that may be kept: whole, not cut short by a limit or a filter, and without an error.

Enters: an operation's name, and the body or all events of an answer with status 200. Leaves: Finished, or None for an
answer that is not to be kept. Of a stream only the events that end something are read. May fail: not at all.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from penstock.wire.sse import parse, split
from penstock.wire.told import JSON_ERRORS

_CHAT = frozenset({"stop", "tool_calls", "function_call", "eos", "end_turn"})
_MESSAGES = frozenset({"end_turn", "stop_sequence", "tool_use"})
_ENDS = re.compile(rb'"(?:finish_reason|stop_reason)"\s*:\s*"')
_ERROR = re.compile(rb'"error"\s*[:,}]|"type"\s*:\s*"error"|^event:\s*error', re.MULTILINE)
_TOLD = re.compile(rb'"usage"\s*:\s*\{')
_COMPLETED = b'"response.completed"'
_MOST_ENDS = 64


class Finished(NamedTuple):
    """``model`` is the name that the answer gives its model."""

    model: str


_NONE = msgspec.Raw(b"null")


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Whole(msgspec.Struct, gc=False):
    model: str | None = None
    choices: list[_Choice] | None = None
    stop_reason: str | None = None
    status: str | None = None
    data: msgspec.Raw = _NONE
    results: msgspec.Raw = _NONE
    input_tokens: int | None = None
    error: msgspec.Raw = _NONE


class _Named(msgspec.Struct, gc=False):
    model: str | None = None
    status: str | None = None


class _Event(msgspec.Struct, gc=False):
    model: str | None = None
    message: _Named | None = None
    response: _Named | None = None


_whole = msgspec.json.Decoder(_Whole).decode
_event = msgspec.json.Decoder(_Event).decode
_top = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def finished(operation: str, body: bytes, choices: int = 1) -> Finished | None:
    """A whole answer; ``choices`` is how many were asked for."""
    try:
        told = _whole(body)
    except JSON_ERRORS:
        return None
    if bytes(told.error) != b"null":
        return None
    if operation in ("chat", "completions"):
        those = told.choices or []
        good = len(those) == choices and all(choice.finish_reason in _CHAT for choice in those)
    elif operation == "messages":
        good = told.stop_reason in _MESSAGES
    elif operation == "responses":
        good = told.status == "completed"
    elif operation == "embeddings":
        good = bytes(told.data) != b"null"
    elif operation == "rerank":
        good = bytes(told.results) != b"null" or bytes(told.data) != b"null"
    else:
        good = told.input_tokens is not None
    return Finished(told.model or "") if good else None


def finished_stream(operation: str, data: bytes, choices: int = 1) -> Finished | None:
    """All events of a stream."""
    if _ERROR.search(data) is not None and any(map(_is_error, split(data))):
        return None
    if operation == "responses":
        return _responses(data)
    ended = data.rstrip().endswith(b"data: [DONE]") if operation != "messages" else b'"message_stop"' in data[-200:]
    if not ended:
        return None
    reasons = _reasons(data)
    if reasons is None:
        return None
    if operation == "messages":
        return Finished(_model(data)) if set(reasons.values()) <= _MESSAGES and reasons else None
    if len(reasons) != choices or not set(reasons.values()) <= _CHAT:
        return None
    return Finished(_model(data))


def without_usage(data: bytes) -> tuple[bytes, bytes]:
    """Events without the chunk that only tells usage, and the usage that it told."""
    if b'"usage"' not in data or _TOLD.search(data) is None:
        return data, b""
    kept, usage = [], b""
    for event in split(data):
        told = _only_usage(event) if _TOLD.search(event) is not None else b""
        usage = told or usage
        if not told:
            kept.append(event)
    return b"".join(kept), usage


def _only_usage(event: bytes) -> bytes:
    for parsed in parse(event):
        try:
            found = _top(parsed.data)
        except JSON_ERRORS:
            return b""
        choices, usage = found.get("choices"), found.get("usage")
        if choices is not None and usage is not None and bytes(choices).replace(b" ", b"") == b"[]":
            return bytes(usage)
    return b""


def _reasons(data: bytes) -> dict[int, str] | None:
    """Why each choice ended, by its index; None where that cannot be read."""
    found: dict[int, str] = {}
    for count, match in enumerate(_ENDS.finditer(data)):
        if count >= _MOST_ENDS:
            return None
        start = max(data.rfind(b"\n\n", 0, match.start()), data.rfind(b"\r\n\r\n", 0, match.start())) + 1
        end = data.find(b"\n", match.end())
        for event in parse(data[start : end + 1] + b"\n"):
            try:
                _note(found, msgspec.json.decode(event.data))
            except (*JSON_ERRORS, ValueError):
                return None
    return found


def _note(found: dict[int, str], told: Any) -> None:
    """Why the choices of one event ended. Raises ValueError."""
    if not isinstance(told, dict):
        return
    delta = told.get("delta")
    if isinstance(delta, dict) and isinstance(delta.get("stop_reason"), str):
        found[0] = delta["stop_reason"]
    choices = told.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and isinstance(choice.get("finish_reason"), str):
            index = choice.get("index", 0)
            reason = choice["finish_reason"]
            if not isinstance(index, int) or found.setdefault(index, reason) != reason:
                raise ValueError("a choice whose place is no number, or that ends twice for other reasons")


def _responses(data: bytes) -> Finished | None:
    at = data.rfind(_COMPLETED)
    if at < 0:
        return None
    start = max(data.rfind(b"\n\n", 0, at), data.rfind(b"\r\n\r\n", 0, at)) + 1
    for event in parse(data[start:]):
        try:
            response = _event(event.data).response
        except JSON_ERRORS:
            continue
        if response is not None and response.status == "completed":
            return Finished(response.model or "")
    return None


def _model(data: bytes) -> str:
    """As the first event that names one says."""
    for event in split(data):
        for parsed in parse(event):
            try:
                told = _event(parsed.data)
            except JSON_ERRORS:
                continue
            name = told.model or (told.message.model if told.message is not None else None)
            if name:
                return name
            break
    return ""


def _is_error(event: bytes) -> bool:
    if _ERROR.search(event) is None:
        return False
    for parsed in parse(event):
        if parsed.event == "error":
            return True
        try:
            told = msgspec.json.decode(parsed.data)
        except JSON_ERRORS:
            return True
        if isinstance(told, dict) and (told.get("error") or told.get("type") == "error"):
            return True
    return False
