"""The heads of answers, as bytes. Pure.

Enters: an exchange, its reply, and the framing fields. Leaves: the status line, the upstream's fields, our own. What
a caller could have chosen (a model's name, say) is made safe for a header before it is shown in one.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.net.http_head import STATUS_LINES, field_lines, status_line

MOST_MODEL_CHARACTERS: Final = 200
_STREAM_LINES: Final = b"cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\n"
_REPLACED: Final[tuple[bytes, ...]] = (b"cache-control", b"x-accel-buffering")
_HUNDREDTHS: Final = [f"{number / 100:.2f}" for number in range(1000)]
"""Milliseconds as they are told, up to ten: to format a float costs as much as all else that is told."""


def head_bytes(exchange: Exchange, reply: Reply, framing: bytes, length: int | None = None, body: bytes = b"") -> bytes:
    """The whole head, and ``body`` behind it. ``framing`` ends it: lines for connection and date; ``length``: of the
    answer, where the head tells it."""
    headers, known = reply.headers, reply.lines
    if reply.events:
        fields = field_lines([field for field in headers if field[0] not in _REPLACED]) + _STREAM_LINES
    elif known is not None and known[0] is headers:
        fields = known[1]
    else:
        fields = field_lines(headers)
    line = STATUS_LINES.get(reply.status) or status_line(reply.status)
    return b"".join((line, fields, own_fields(exchange, length).encode(), framing, b"\r\n", body))


def milliseconds(seconds: float) -> str:
    """With two digits behind the point."""
    number = int(seconds * 1e5 + 0.5)
    return _HUNDREDTHS[number] if 0 <= number < 1000 else f"{seconds * 1000:.2f}"


def own_fields(exchange: Exchange, length: int | None = None) -> str:
    """Lines that tell what Penstock did with the call, and how long the answer is."""
    own = f"x-request-id: {exchange.id}\r\nx-penstock-overhead-ms: {milliseconds(exchange.overhead)}\r\n"
    if length is not None:
        own += f"content-length: {length}\r\n"
    if exchange.upstream:
        model = exchange.answered_as or exchange.call.model
        if len(model) > MOST_MODEL_CHARACTERS:
            model = model[:MOST_MODEL_CHARACTERS]
        if not (model.isascii() and model.isprintable()):
            model = quote(model, safe="/:@+,=~")
        own += (
            f"x-penstock-model: {model}\r\nx-penstock-upstream: {exchange.upstream}\r\n"
            f"x-penstock-attempts: {exchange.attempts}\r\n"
        )
    if exchange.cache:
        own += f"x-penstock-cache: {exchange.cache}\r\n"
    if exchange.queued:
        own += f"x-penstock-queue-ms: {milliseconds(exchange.queued)}\r\n"
        if exchange.place:
            own += f"x-penstock-queue-position: {exchange.place}\r\n"
    if exchange.batch:
        own += f"x-penstock-batch: {exchange.batch}\r\n"
    if exchange.degraded:
        own += f"x-penstock-degraded: {exchange.degraded}\r\n"
    if exchange.call.operation.dialect == "anthropic":
        own += f"request-id: {exchange.id}\r\n"
    return own
