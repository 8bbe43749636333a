"""Events of Lambda as HTTP requests, and HTTP answers as what Lambda passes on. Pure.

Enters: an event of a load balancer (ALB), a function URL, or an HTTP API (payload 2.0). Leaves: a request for the
gateway; for its answer a mapping, or the beginning of a stream. May fail: UnknownEvent, in words. Whom a call comes
from is told by the service that took it, never by a field that the caller may have written.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import chain
from typing import Any, Literal
from urllib.parse import quote

from msgspec import Struct

Form = Literal["balancer", "url", "http_api"]
Fields = list[tuple[str, str]]

MOST_BYTES: dict[Form, int] = {"balancer": 1_000_000, "url": 6_000_000, "http_api": 6_000_000}
"""Of an answer that is not streamed, as the service counts it: base64, JSON and fields included. A little below its
limit (1 MiB and 6 MiB), beyond which it would answer 502 in words of its own."""
STREAM_TYPE = "application/vnd.awslambda.http-integration-response"
END_OF_PRELUDE = bytes(8)

_OF_ONE_CONNECTION = frozenset((
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
))  # fmt: skip
_UNSAFE_IN_PATH = "/%:@!$&'()*+,;=-._~"
_TRACE = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24});Parent=([0-9a-f]{16});Sampled=([01])", re.ASCII)


class UnknownEvent(Exception):
    """The event is none that HTTP can be made of."""


class Asked(Struct, frozen=True):
    """A request. ``fields`` lack what belongs to one connection. ``several``: the balancer gives and takes fields as
    lists."""

    form: Form
    method: str
    target: str
    host: str
    fields: Fields
    body: bytes
    several: bool = False


def asked(event: object) -> Asked:
    """The request in ``event``. Raises UnknownEvent."""
    if not isinstance(event, Mapping) or not isinstance(event.get("requestContext"), Mapping):
        raise UnknownEvent(
            "this event has no requestContext: expected one of a balancer, a function URL or an HTTP API"
        )
    try:
        if "elb" in event["requestContext"]:
            return _checked(_of_balancer(event))
        if event.get("version") == "2.0" and "http" in event["requestContext"]:
            return _checked(_of_url(event))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnknownEvent(f"an event that lacks what its kind has: {error!r}") from None
    raise UnknownEvent("neither a balancer's event nor one of a function URL or an HTTP API with payload 2.0")


def _checked(made: Asked) -> Asked:
    if not all(isinstance(text, str) for text in (made.method, made.host, *chain.from_iterable(made.fields))):
        raise TypeError("its method, or a field, is no text")
    return made


def _of_balancer(event: Mapping[str, Any]) -> Asked:
    several = "multiValueHeaders" in event
    if several:
        fields = [(name, one) for name, values in event["multiValueHeaders"].items() for one in values]
        query = [(name, one) for name, values in (event.get("multiValueQueryStringParameters") or {}).items()
                 for one in values]  # fmt: skip
    else:
        fields = list((event.get("headers") or {}).items())
        query = list((event.get("queryStringParameters") or {}).items())
    text = "&".join(f"{name}={value}" for name, value in query)  # a balancer leaves them as they were written
    return Asked("balancer", event["httpMethod"], _target(event["path"], text), *_split(fields), _body(event), several)


def _of_url(event: Mapping[str, Any]) -> Asked:
    http = event["requestContext"]["http"]
    fields = [(name, value) for name, value in (event.get("headers") or {}).items()
              if name.lower() != "x-forwarded-for"]  # fmt: skip
    fields.append(("x-forwarded-for", http["sourceIp"]))
    if event.get("cookies"):
        fields.append(("cookie", "; ".join(event["cookies"])))
    form: Form = "url" if ".lambda-url." in event["requestContext"].get("domainName", "") else "http_api"
    target = _target(event["rawPath"], event.get("rawQueryString") or "")
    return Asked(form, http["method"], target, *_split(fields), _body(event))


def _target(path: str, query: str) -> str:
    return quote(path or "/", safe=_UNSAFE_IN_PATH) + (f"?{quote(query, safe=_UNSAFE_IN_PATH + '?')}" if query else "")


def _split(fields: Iterable[tuple[str, str]]) -> tuple[str, Fields]:
    """The host, and the fields that are passed on."""
    kept, host = [], "127.0.0.1"
    for name, value in fields:
        lower = name.lower()
        if lower == "host":
            host = value
        elif lower not in _OF_ONE_CONNECTION:
            kept.append((lower, value))
    return host, kept


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UnknownEvent("a body that says it is base64 and is not") from None


def traceparent(trace: str | None) -> str | None:
    """The trace of X-Ray as W3C writes it; None for what is not one."""
    match = _TRACE.search(trace or "")
    return None if match is None else f"00-{match[1]}{match[2]}-{match[3]}-0{match[4]}"


# ---- answers


def _grouped(fields: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Fields joined by name, and cookies apart: those cannot be joined."""
    joined: dict[str, str] = {}
    cookies = []
    for name, value in fields:
        if name == "set-cookie":
            cookies.append(value)
        elif name not in _OF_ONE_CONNECTION:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined, cookies


def prelude(status: int, fields: Fields) -> bytes:
    """What precedes the bytes of a streamed answer."""
    joined, cookies = _grouped(fields)
    return json.dumps({"statusCode": status, "headers": joined, "cookies": cookies}).encode() + END_OF_PRELUDE


def answer(to: Asked, status: int, fields: Fields, body: bytes) -> bytes:
    """A whole answer, as JSON. One that is larger than the service takes becomes an error that says so."""
    written = _written(to, status, fields, body)
    most = MOST_BYTES[to.form]
    if len(written) <= most:
        return written
    return _written(to, 502, *refusal(
        "answer_too_large",
        f"the answer has {len(written)} bytes, and this way out of Lambda takes {most}; ask by the function URL, which"
        " streams, or by the Fargate variant",
    ))  # fmt: skip


def refusal(code: str, message: str) -> tuple[Fields, bytes]:
    """An error of this place, in the gateway's form."""
    error = {"error": {"message": message, "type": "gateway_error", "param": None, "code": code}}
    return [("content-type", "application/json")], json.dumps(error).encode()


def _written(to: Asked, status: int, fields: Fields, body: bytes) -> bytes:
    coded = any(name == "content-encoding" for name, _ in fields)
    try:
        text, binary = ("", True) if coded else (body.decode(), False)
    except UnicodeDecodeError:
        text, binary = "", True
    told: dict[str, Any] = {"statusCode": status, "isBase64Encoded": binary}
    told["body"] = base64.b64encode(body).decode() if binary else text
    if to.form == "balancer":
        told["statusDescription"] = f"{status} {_phrase(status)}"
        if to.several:
            lists: dict[str, list[str]] = {}
            for name, value in fields:
                if name not in _OF_ONE_CONNECTION:
                    lists.setdefault(name, []).append(value)
            told["multiValueHeaders"] = lists
        else:
            told["headers"] = {name: value for name, value in fields if name not in _OF_ONE_CONNECTION}
    else:
        told["headers"], told["cookies"] = _grouped(fields)
    return json.dumps(told).encode()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
