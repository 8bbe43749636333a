"""The messages of OTLP that we send, as one schema, and how they are written: protobuf, or JSON. Pure.

Enters: a message as a dict by the names of the JSON form (ids in hexadecimal, times as whole numbers). Leaves: bytes.
The schema is that of opentelemetry-proto 1.x, whose field numbers are frozen; a field that is empty is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from penstock.wire.varint import SMALL, read_varint, varint

Message = Mapping[str, Any]
Schema = dict[str, "Field"]


class Field(NamedTuple):
    """``kind``: id, text, bytes, int, bool, fixed64, fixed32, double, message, packed64 or packeddouble."""

    number: int
    kind: str
    schema: Any = None
    many: bool = False


ANY: Schema = {
    "stringValue": Field(1, "text"), "boolValue": Field(2, "bool"), "intValue": Field(3, "int"),
    "doubleValue": Field(4, "double"),
}  # fmt: skip
KEY_VALUE: Schema = {"key": Field(1, "text"), "value": Field(2, "message", ANY)}
RESOURCE: Schema = {"attributes": Field(1, "message", KEY_VALUE, True)}
SCOPE: Schema = {"name": Field(1, "text"), "version": Field(2, "text")}
EVENT: Schema = {"timeUnixNano": Field(1, "fixed64"), "name": Field(2, "text")}
STATUS: Schema = {"message": Field(2, "text"), "code": Field(3, "int")}
SPAN: Schema = {
    "traceId": Field(1, "id"), "spanId": Field(2, "id"), "traceState": Field(3, "text"),
    "parentSpanId": Field(4, "id"), "name": Field(5, "text"), "kind": Field(6, "int"),
    "startTimeUnixNano": Field(7, "fixed64"), "endTimeUnixNano": Field(8, "fixed64"),
    "attributes": Field(9, "message", KEY_VALUE, True), "events": Field(11, "message", EVENT, True),
    "status": Field(15, "message", STATUS), "flags": Field(16, "fixed32"),
}  # fmt: skip
POINT: Schema = {
    "startTimeUnixNano": Field(2, "fixed64"), "timeUnixNano": Field(3, "fixed64"), "count": Field(4, "fixed64"),
    "sum": Field(5, "double"), "bucketCounts": Field(6, "packed64"), "explicitBounds": Field(7, "packeddouble"),
    "attributes": Field(9, "message", KEY_VALUE, True), "min": Field(11, "double"), "max": Field(12, "double"),
}  # fmt: skip
HISTOGRAM: Schema = {"dataPoints": Field(1, "message", POINT, True), "aggregationTemporality": Field(2, "int")}
METRIC: Schema = {
    "name": Field(1, "text"), "description": Field(2, "text"), "unit": Field(3, "text"),
    "histogram": Field(9, "message", HISTOGRAM),
}  # fmt: skip


def _request(resource: str, scope: str, item: str, schema: Schema) -> Schema:
    inner: Schema = {
        "scope": Field(1, "message", SCOPE), item: Field(2, "message", schema, True), "schemaUrl": Field(3, "text"),
    }  # fmt: skip
    outer: Schema = {
        "resource": Field(1, "message", RESOURCE), scope: Field(2, "message", inner, True),
        "schemaUrl": Field(3, "text"),
    }  # fmt: skip
    return {resource: Field(1, "message", outer, True)}


TRACES = _request("resourceSpans", "scopeSpans", "spans", SPAN)
METRICS = _request("resourceMetrics", "scopeMetrics", "metrics", METRIC)


class Written(bytes):
    """A message that is written already: an item of a list of them may be one."""


# ---- protobuf


_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_WIRES: dict[str, tuple[int, Callable[[Any], bytes]]] = {
    "int": (_VARINT, varint),
    "bool": (_VARINT, lambda value: b"\1" if value else b"\0"),
    "fixed64": (_FIXED64, struct.Struct("<Q").pack),
    "double": (_FIXED64, struct.Struct("<d").pack),
    "fixed32": (_FIXED32, struct.Struct("<I").pack),
    "id": (_LENGTH, bytes.fromhex),
    "text": (_LENGTH, lambda value: value.encode("utf-8", "replace")),
    "packed64": (_LENGTH, lambda values: struct.pack(f"<{len(values)}Q", *values)),
    "packeddouble": (_LENGTH, lambda values: struct.pack(f"<{len(values)}d", *values)),
}


def protobuf(message: Message, schema: Schema) -> Written:
    """The message in protobuf's binary form."""
    made: list[bytes] = []
    for name, value in message.items():
        field = schema[name]
        if field.kind == "message":
            tag = varint(field.number << 3 | _LENGTH)
            for item in value if field.many else (value,):
                written = item if type(item) is Written else protobuf(item, field.schema)
                made += (tag, varint(len(written)), written)
            continue
        wire, write = _WIRES[field.kind]
        inner = write(value)
        made.append(varint(field.number << 3 | wire))
        if wire == _LENGTH:
            made.append(varint(len(inner)))
        made.append(inner)
    return Written(b"".join(made))


# ---- JSON

_encode = msgspec.json.Encoder().encode


def _plain(message: Message, schema: Schema) -> dict[str, Any]:
    """With numbers of 64 bits as texts, as protobuf's JSON form wants them."""
    made: dict[str, Any] = {}
    for name, value in message.items():
        field = schema[name]
        if field.kind == "message":
            inner = field.schema
            made[name] = (
                [msgspec.Raw(item) if type(item) is Written else _plain(item, inner) for item in value]
                if field.many
                else _plain(value, inner)
            )
        elif field.kind == "fixed64" or (field.kind == "int" and name == "intValue"):
            made[name] = str(value)
        elif field.kind == "packed64":
            made[name] = [str(number) for number in value]
        else:
            made[name] = value
    return made


def json(message: Message, schema: Schema) -> Written:
    """The message in protobuf's JSON form as OTLP has it: ids stay hexadecimal."""
    return Written(_encode(_plain(message, schema)))


# ---- attributes, of which a span has a dozen: written by themselves, and most are the same from call to call

MOST_KNOWN = 2048
_double = struct.Struct("<d").pack


def _text(number: int, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    return b"%b%b%b" % (SMALL[number << 3 | _LENGTH], varint(len(raw)), raw)


@lru_cache(MOST_KNOWN, typed=True)
def protobuf_attribute(key: str, value: Any) -> Written:
    """A KeyValue in protobuf's binary form."""
    if type(value) is str:
        inner = _text(1, value)
    elif type(value) is bool:
        inner = b"\x10\x01" if value else b"\x10\x00"
    elif type(value) is int:
        inner = b"\x18" + varint(value)
    elif type(value) is float:
        inner = b"\x21" + _double(value)
    else:
        inner = _text(1, str(value))
    return Written(b"%b\x12%b%b" % (_text(1, key), varint(len(inner)), inner))


@lru_cache(MOST_KNOWN, typed=True)
def json_attribute(key: str, value: Any) -> Written:
    """A KeyValue in the JSON form."""
    if type(value) is bool:
        inner: dict[str, Any] = {"boolValue": value}
    elif type(value) is int:
        inner = {"intValue": str(value)}
    elif type(value) is float:
        inner = {"doubleValue": value}
    else:
        inner = {"stringValue": str(value)}
    return Written(_encode({"key": key, "value": inner}))


class Protocol(NamedTuple):
    """How messages and attributes are written, and how that is called."""

    content_type: bytes
    write: Callable[[Message, Schema], Written]
    attribute: Callable[[str, Any], Written]

    def attributes(self, pairs: Mapping[str, Any]) -> list[Written]:
        """Attributes as a list of messages."""
        attribute = self.attribute
        return [attribute(key, value) for key, value in pairs.items()]


PROTOCOLS = {
    "http/protobuf": Protocol(b"application/x-protobuf", protobuf, protobuf_attribute),
    "http/json": Protocol(b"application/json", json, json_attribute),
}


def rejected(body: bytes, protocol: str) -> int:
    """How many items the receiver says that it did not take (a partial success); 0 where it says nothing of it."""
    try:
        if protocol == "http/json":
            partial = msgspec.json.decode(body or b"{}").get("partialSuccess") or {}
            return int(partial.get("rejectedSpans") or partial.get("rejectedDataPoints") or 0)
        if body[:1] == b"\x0a":
            _, at = read_varint(body, 1)
            if body[at : at + 1] == b"\x08":
                return read_varint(body, at + 1)[0]
    except (msgspec.DecodeError, ValueError, AttributeError, TypeError, IndexError):
        pass
    return 0
