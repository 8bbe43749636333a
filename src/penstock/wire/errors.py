"""Failures in the words of each dialect: bodies, stream events and header fields; and what upstreams' bodies say.

Enters: a Fail and the request id, or the body of an upstream's error. Leaves: bytes that the SDKs of the dialect read.
May fail: not at all; what cannot be said is replaced or cut.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from penstock.core.call import Headers
from penstock.core.errors import Fail

MOST_MESSAGE_CHARACTERS = 2000
_MOST_UPSTREAM_CHARACTERS = 500
_MOST_UPSTREAM_BYTES = 64 * 1024
_LONGEST_WAIT_SECONDS = 86_400.0

_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _type(fail: Fail, dialect: str) -> str:
    """The error type that SDKs of the dialect know for this status."""
    if dialect == "anthropic":
        known = _ANTHROPIC_TYPES.get(fail.status)
        return known or ("api_error" if fail.status >= 500 else "invalid_request_error")
    if fail.status >= 500 and fail.fault == "upstream":
        return "upstream_error"
    known = _OPENAI_TYPES.get(fail.status)
    return known or ("server_error" if fail.status >= 500 else "invalid_request_error")


def _sayable(text: str, most: int) -> str:
    """``text`` cut to ``most`` characters, without what JSON or a terminal cannot carry."""
    if len(text) > most:
        text = text[: most - 1] + "…"
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def _error(fail: Fail, dialect: str, request_id: str) -> bytes:
    request_id = _sayable(request_id, 200)
    message = f"{_sayable(fail.message, MOST_MESSAGE_CHARACTERS)} (request id: {request_id})"
    kind = _type(fail, dialect)
    body: dict[str, Any]
    if dialect == "anthropic":
        body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    else:
        param = None if fail.param is None else _sayable(fail.param, 200)
        body = {"error": {"message": message, "type": kind, "param": param, "code": fail.code}}
    return msgspec.json.encode(body)


def error_body(fail: Fail, dialect: str, request_id: str) -> bytes:
    """The body of an error answer; ends with a newline for those who read it in a terminal."""
    return _error(fail, dialect, request_id) + b"\n"


def error_event(fail: Fail, dialect: str, request_id: str) -> bytes:
    """The event that ends a stream which failed after its first byte."""
    start = b"event: error\ndata: " if dialect == "anthropic" else b"data: "
    return start + _error(fail, dialect, request_id) + b"\n\n"


def error_headers(fail: Fail) -> Headers:
    """The fields that go with an error: who failed, and whether and when to try again."""
    headers: Headers = [
        (b"x-penstock-fault", fail.fault.encode()),
        (b"x-should-retry", b"true" if fail.retryable else b"false"),
    ]
    wait = fail.retry_after
    if wait is not None and not math.isnan(wait):
        wait = min(max(wait, 0.0), _LONGEST_WAIT_SECONDS)
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(wait))))
        headers.append((b"retry-after-ms", b"%d" % math.ceil(wait * 1000)))
    if fail.allow is not None:
        headers.append((b"allow", fail.allow.encode("ascii", "replace")))
    if fail.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_WORDS = ("message", "error", "detail", "msg", "error_message", "errors", "reason", "title", "description")


def _find_message(value: object, depth: int = 0) -> str:
    """The most telling string in what an upstream calls an error."""
    if isinstance(value, str):
        return value
    if depth < 5 and isinstance(value, list):
        return next(filter(None, (_find_message(item, depth + 1) for item in value[:8])), "")
    if depth < 5 and isinstance(value, dict):
        return next(filter(None, (_find_message(value.get(word), depth + 1) for word in _WORDS)), "")
    return ""


def with_note(body: bytes, note: str) -> bytes:
    """An upstream's error body with ``note`` after its message; as it is where no message is found."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    inner = told.get("error") if isinstance(told, dict) else None
    for holder in (inner, told):
        if isinstance(holder, dict) and isinstance(holder.get("message"), str):
            holder["message"] += note
            return msgspec.json.encode(told)
    return body


def upstream_message(body: bytes) -> str:
    """A short line about what an upstream's error body says; "" when it says nothing."""
    text = body[:_MOST_UPSTREAM_BYTES].strip()
    if text.startswith((b"data:", b"event:")):
        text = next((line[5:].strip() for line in text.splitlines() if line.startswith(b"data:")), text)
    try:
        told = _find_message(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = ""
        if not text.startswith((b"{", b"[")):
            plain = text.decode("utf-8", "replace")
            title = _TITLE.search(plain)
            told = title[1] if title else _TAG.sub(" ", plain) if plain.startswith("<") else plain
    return _sayable(" ".join(told.split()), _MOST_UPSTREAM_CHARACTERS)
