"""The messages of ``/v1/stream``: what a caller may say, and what it is told (docs/websocket.md). Pure.

Enters: a message's bytes, or the parts of an answer. Leaves: an Asked, or bytes of JSON. May fail: CallerError for a
message that cannot be understood.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from penstock.core.call import Headers
from penstock.core.errors import CallerError, Fail
from penstock.core.exchange import Exchange
from penstock.wire.errors import error_body
from penstock.wire.event_facts import read
from penstock.wire.headers import OWN
from penstock.wire.sse import Event

CALL_PATH = "/v1/chat/completions"
MOST_HEADERS = 32
_DONE = b"[DONE]"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Value = Annotated[str, msgspec.Meta(max_length=4096, pattern=r"^[\x20-\x7e]*$")]


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """One message of a caller. ``body`` is passed on as it was written."""

    id: Name
    type: Literal["call", "cancel"] = "call"
    path: Annotated[str, msgspec.Meta(max_length=1024)] = CALL_PATH
    body: msgspec.Raw = msgspec.Raw(b"")
    headers: Annotated[dict[Name, Value], msgspec.Meta(max_length=MOST_HEADERS)] = msgspec.field(default_factory=dict)


class _Told(msgspec.Struct):
    """One event of a stream. ``index`` counts from 0; ``time`` is Unix seconds."""

    type: str
    id: str
    index: int
    time: float
    model: str
    text: str
    confidence: float | None
    is_special: bool
    is_complete: bool
    event: str
    data: msgspec.Raw | str


_decode = msgspec.json.Decoder(Asked).decode
_encode = msgspec.json.Encoder().encode


def read_message(message: bytes) -> Asked:
    """The message, checked. Raises CallerError."""
    try:
        asked = _decode(message)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CallerError(f"the message cannot be understood: {error}", code="bad_message") from None
    if asked.type == "call" and not bytes(asked.body).startswith(b"{"):
        raise CallerError("a call needs a body, which is a JSON object", code="bad_message", param="body")
    return asked


def call_headers(handshake: Headers, own: dict[str, str]) -> Headers:
    """The head of a call: the handshake's fields that are not about the socket, then the message's own.

    Raises CallerError for a field that a message may not set.
    """
    fields = [field for field in handshake if field[0] not in _OF_THE_SOCKET and not field[0].startswith(b"sec-")]
    named = {name.lower().encode("utf-8", "replace"): value.encode() for name, value in own.items()}
    for name in named:
        if name not in _SETTABLE:
            shown = name.decode("utf-8", "replace")
            allowed = ", ".join(sorted(field.decode() for field in _SETTABLE))
            raise CallerError(
                f"a message may not set the field {shown!r}, only {allowed}", code="bad_message", param="headers"
            )
    fields = [field for field in fields if field[0] not in named and field[0] != _RESUME]
    # A call on a socket ends with the socket, or when it is cancelled: nobody could come back for it.
    return [*fields, (b"content-type", b"application/json"), (_RESUME, b"false"), *named.items()]


_RESUME = b"x-penstock-resume"
_SETTABLE = (OWN - {_RESUME}) | {b"anthropic-beta", b"anthropic-version"}
_OF_THE_SOCKET = (b"connection", b"upgrade", b"content-type", b"content-length", b"x-request-id", b"origin")


def started(id: str, exchange: Exchange, now: float) -> bytes:
    """An answer begins to flow."""
    return _encode({
        "type": "start", "id": id, "request_id": exchange.id, "time": now, "status": exchange.status,
        "model": exchange.answered_as or exchange.call.model, "upstream": exchange.upstream,
    })  # fmt: skip


def told(id: str, event: Event, index: int, now: float, model: str) -> bytes | None:
    """One event; None for the dialect's own mark of the end, which ``ended`` stands for. ``model`` where the event
    names none."""
    data = event.data
    if data == _DONE:
        return None
    facts = read(data)
    return _encode(
        _Told("event", id, index, now, facts.model or model, facts.text, facts.confidence, facts.special,
              facts.complete, event.event, _as_json(data))
    )  # fmt: skip


def ended(id: str, exchange: Exchange, index: int, now: float) -> bytes:
    """A stream is complete. ``index`` is the number of its events."""
    return _encode({
        "type": "end", "id": id, "index": index, "time": now, "model": exchange.answered_as or exchange.call.model,
        "is_complete": True, "usage": _usage(exchange),
    })  # fmt: skip


def answered(id: str, exchange: Exchange, body: bytes, now: float) -> bytes:
    """An answer that is no stream, or an error of the upstream's own."""
    return _encode({
        "type": "answer" if exchange.status < 400 else "error", "id": id, "request_id": exchange.id, "time": now,
        "status": exchange.status, "model": exchange.answered_as or exchange.call.model,
        "upstream": exchange.upstream, "usage": _usage(exchange), "body": _as_json(body),
    })  # fmt: skip


def failed(id: str | None, fail: Fail, dialect: str, request_id: str, now: float) -> bytes:
    """A call that failed, or with ``id`` None a message that could not be understood."""
    message: dict[str, Any] = {
        "type": "error", "id": id, "request_id": request_id, "time": now, "status": fail.status,
        "retryable": fail.retryable, "body": msgspec.Raw(error_body(fail, dialect, request_id)),
    }  # fmt: skip
    if fail.retry_after is not None:
        message["retry_after"] = fail.retry_after
    return _encode(message)


def cancelled(id: str, now: float) -> bytes:
    """A call ended because its caller said so."""
    return _encode({"type": "cancelled", "id": id, "time": now})


def _usage(exchange: Exchange) -> dict[str, int] | None:
    if not (exchange.tokens_in or exchange.tokens_out):
        return None
    return {
        "prompt_tokens": exchange.tokens_in,
        "completion_tokens": exchange.tokens_out,
        "total_tokens": exchange.tokens_in + exchange.tokens_out,
        "cached_tokens": exchange.tokens_cached,
    }


def _as_json(data: bytes) -> msgspec.Raw | str:
    """``data`` as it stands if it is JSON, else as a string: the message must stay one that can be read."""
    if not data.isascii():
        data = data.decode("utf-8", "replace").encode()
    try:
        return msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return data.decode()
