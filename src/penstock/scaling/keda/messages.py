"""The messages of KEDA's external scaler, read and written as protobuf. Pure.

Enters: bytes of KEDA. Leaves: plain values, and bytes. They are small messages of texts, numbers and one map: their
field numbers are the interface, and no generated code has to fit the protobuf library of whoever installs this. Unknown
fields are passed over, as protobuf asks. May fail: ValueError for what is no such message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from penstock.wire.varint import read_varint, varint

MOST_BYTES = 65_536
MOST_FIELDS = 1000
VARINT, FIXED64, SIZED, FIXED32 = 0, 1, 2, 5


class Ref(NamedTuple):
    """A ScaledObjectRef: who asks, and what stands in its trigger's metadata."""

    name: str
    namespace: str
    metadata: dict[str, str]


class MetricsRequest(NamedTuple):
    """What a metric is asked of, and its name."""

    ref: Ref
    metric: str


# ---- read


def read_ref(data: bytes) -> Ref:
    """A ScaledObjectRef: name 1, namespace 2, scalerMetadata 3."""
    name = namespace = ""
    metadata: dict[str, str] = {}
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            namespace = _text(value)
        elif number == 3:
            key = said = ""
            for inner, one in _fields(_sized(value)):
                if inner == 1:
                    key = _text(one)
                elif inner == 2:
                    said = _text(one)
            metadata[key] = said
    return Ref(name, namespace, metadata)


def read_metrics_request(data: bytes) -> MetricsRequest:
    """A GetMetricsRequest: scaledObjectRef 1, metricName 2."""
    ref, metric = Ref("", "", {}), ""
    for number, value in _fields(data):
        if number == 1:
            ref = read_ref(_sized(value))
        elif number == 2:
            metric = _text(value)
    return MetricsRequest(ref, metric)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values, as they stand: whole numbers, or bytes."""
    if len(data) > MOST_BYTES:
        raise ValueError(f"a message of {len(data)} bytes is too large")
    at = 0
    for _ in range(MOST_FIELDS):
        if at == len(data):
            return
        tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise ValueError("a field has the number 0")
        if kind == VARINT:
            value, at = read_varint(data, at)
            yield number, value
            continue
        if kind == SIZED:
            size, at = read_varint(data, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if at + size > len(data):
            raise ValueError("a message is cut short")
        yield number, data[at : at + size]
        at += size
    raise ValueError(f"a message has more than {MOST_FIELDS} fields")


def _sized(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a text or message should be")
    return value


def _text(value: int | bytes) -> str:
    return _sized(value).decode()


# ---- write


def is_active(*, active: bool) -> bytes:
    """An IsActiveResponse: result 1. What is false is left out."""
    return b"\x08\x01" if active else b""


def metric_spec(name: str, target: float) -> bytes:
    """A GetMetricSpecResponse of one metric: metricSpecs 1 of metricName 1, targetSize 2 (old), targetSizeFloat 3."""
    return _put(1, _numbered(name, target))


def metric_value(name: str, value: float) -> bytes:
    """A GetMetricsResponse of one value: metricValues 1 of metricName 1, metricValue 2 (old), metricValueFloat 3."""
    return _put(1, _numbered(name, value))


def _numbered(name: str, number: float) -> bytes:
    """A text 1, and a number of 0 or more: whole as 2, for who reads only that, and as it is as 3."""
    whole = b"\x10" + varint(round(number)) if round(number) else b""
    return _put(1, name.encode()) + whole + (b"\x19" + struct.pack("<d", number) if number else b"")


def _put(number: int, data: bytes) -> bytes:
    return varint(number << 3 | SIZED) + varint(len(data)) + data
