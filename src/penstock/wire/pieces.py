"""Single events of a stream by what they carry, and neighbours with text merged into one event of the same text.

Enters: whole SSE events of chat completions, completions or messages. Leaves: Pieces. An event that carries anything
besides text (a role, a tool call, a finish, usage, logprobs, an id, an error) is special: never merged, never dropped.
So is every event of other operations, and each that cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from penstock.wire.sse import encode, parse

MOST_MERGED_BYTES = 16 * 1024
_UNEQUAL = ("created", "obfuscation")
"""Fields that differ between neighbours and mean nothing: the first one's stay."""
_CHAT_TEXT = ("content", "reasoning_content", "reasoning")
_ANTHROPIC_TEXT = {"text_delta": "text", "thinking_delta": "thinking"}

Kind = Literal["text", "empty", "special"]
Place = tuple[dict[str, Any], str]


class Piece(NamedTuple):
    """One event. ``tokens`` is how many events with text it stands for; ``empty`` ones may go missing unnoticed."""

    event: bytes
    kind: Kind
    text: str = ""
    tokens: int = 0


class _Opened(NamedTuple):
    """An event's type and data, and where its text stands in them; no place in an event that says nothing."""

    type: str
    data: dict[str, Any]
    place: Place | None


class _Special(Exception):
    """The event carries more than text."""


def read(event: bytes, operation: str) -> Piece:
    """What ``event`` carries."""
    if not parse(event):
        return Piece(event, "empty")
    opened = _open(event, operation)
    if opened is None:
        return Piece(event, "special")
    if opened.place is None:
        return Piece(event, "empty")
    holder, name = opened.place
    return Piece(event, "text", holder[name], 1)


def merge(pieces: Iterable[Piece], operation: str) -> list[Piece]:
    """The same texts and special events in the same order, in no more events."""
    merged: list[Piece] = []
    run: list[Piece] = []
    size = 0
    for piece in pieces:
        if piece.kind != "text" or size + len(piece.event) > MOST_MERGED_BYTES:
            merged += _joined(run, operation)
            run, size = [], 0
        if piece.kind == "text":
            run.append(piece)
            size += len(piece.event)
        else:
            merged.append(piece)
    merged += _joined(run, operation)
    return merged


def _joined(run: list[Piece], operation: str) -> Iterable[Piece]:
    """The pieces of a run of text, neighbours that differ in nothing but their text as one."""
    if len(run) < 2:
        return run
    merged: list[Piece] = []
    first: _Opened | None = None
    alike: list[Piece] = []
    for piece in run:
        opened = _open(piece.event, operation)
        assert opened is not None
        assert opened.place is not None
        holder, name = opened.place
        holder[name] = ""
        if first is None or not _is_alike(first, opened):
            merged += _one(first, alike)
            first, alike = opened, []
        alike.append(piece)
    merged += _one(first, alike)
    return merged


def _is_alike(first: _Opened, other: _Opened) -> bool:
    assert first.place is not None
    assert other.place is not None
    for field in _UNEQUAL:
        if field in first.data and field in other.data:
            other.data[field] = first.data[field]
    return first.type == other.type and first.place[1] == other.place[1] and first.data == other.data


def _one(first: _Opened | None, alike: list[Piece]) -> Iterator[Piece]:
    """``alike`` as one event in the form of the first, which stays as it came when it is alone."""
    if first is None or len(alike) < 2:
        yield from alike
        return
    assert first.place is not None
    holder, name = first.place
    holder[name] = text = "".join([piece.text for piece in alike])
    event = encode(msgspec.json.encode(first.data), first.type or None)
    yield Piece(event, "text", text, sum([piece.tokens for piece in alike]))


def _open(event: bytes, operation: str) -> _Opened | None:
    """None for a special event."""
    parsed = parse(event)
    reader = _READERS.get(operation)
    if reader is None or len(parsed) != 1 or parsed[0].id is not None or parsed[0].retry is not None:
        return None
    try:
        data = msgspec.json.decode(parsed[0].data)
        if isinstance(data, dict):
            return _Opened(parsed[0].event, data, reader(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _Special):
        pass
    return None


def _choice(data: dict[str, Any]) -> dict[str, Any]:
    """The only choice of a chunk that neither finishes nor counts."""
    choices = data.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise _Special
    choice = choices[0]
    if "error" in data or data.get("usage") is not None:
        raise _Special
    if choice.get("finish_reason") is not None or choice.get("logprobs") is not None:
        raise _Special
    return choice


def _text(fields: dict[str, Any], names: Iterable[str], beside: str = "") -> Place | None:
    """The one field of ``fields`` that says something, besides the field ``beside``."""
    told = [name for name, value in fields.items() if value not in (None, "", []) and name != beside]
    if not told:
        return None
    if len(told) > 1 or told[0] not in names or not isinstance(fields[told[0]], str):
        raise _Special
    return fields, told[0]


def _chat(data: dict[str, Any]) -> Place | None:
    delta = _choice(data).get("delta")
    if not isinstance(delta, dict):
        raise _Special
    return _text(delta, _CHAT_TEXT)


def _completions(data: dict[str, Any]) -> Place | None:
    return _text(_choice(data), ("text",), beside="index")


def _messages(data: dict[str, Any]) -> Place | None:
    if data.get("type") == "ping":
        return None
    delta = data.get("delta")
    if data.get("type") != "content_block_delta" or not isinstance(delta, dict):
        raise _Special
    name = _ANTHROPIC_TEXT.get(str(delta.get("type")), "")
    if not isinstance(delta.get(name), str):
        raise _Special
    return (delta, name) if delta[name] else None


_READERS: dict[str, Callable[[dict[str, Any]], Place | None]] = {
    "chat": _chat,
    "completions": _completions,
    "messages": _messages,
}
