"""The heads of answers, as bytes. Pure.

Enters: an exchange, its reply, and the framing fields. Leaves: the status line, the upstream's fields, our own. What
a caller could have chosen (a model's name, say) is made safe for a header before it is shown in one.
"""

from __future__ import annotations

from urllib.parse import quote

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.net.http_head import status_line

MOST_MODEL_CHARACTERS = 200
_STREAM_LINES = b"cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\n"
_REPLACED = (b"cache-control", b"x-accel-buffering")


def head_bytes(exchange: Exchange, reply: Reply, framing: bytes) -> bytes:
    """The whole head. ``framing`` ends it: lines for length, connection and date."""
    parts = [status_line(reply.status)]
    if reply.events:
        for name, value in reply.headers:
            if name not in _REPLACED:
                parts += (name, b": ", value, b"\r\n")
        parts.append(_STREAM_LINES)
    else:
        for name, value in reply.headers:
            parts += (name, b": ", value, b"\r\n")
    parts += (own_fields(exchange).encode(), framing, b"\r\n")
    return b"".join(parts)


def own_fields(exchange: Exchange) -> str:
    """Lines that tell what Penstock did with the call."""
    own = f"x-request-id: {exchange.id}\r\nx-penstock-overhead-ms: {exchange.overhead * 1000:.2f}\r\n"
    if exchange.upstream:
        model = (exchange.answered_as or exchange.call.model)[:MOST_MODEL_CHARACTERS]
        if not (model.isascii() and model.isprintable()):
            model = quote(model, safe="/:@+,=~")
        own += (
            f"x-penstock-model: {model}\r\nx-penstock-upstream: {exchange.upstream}\r\n"
            f"x-penstock-attempts: {exchange.attempts}\r\n"
        )
    if exchange.cache:
        own += f"x-penstock-cache: {exchange.cache}\r\n"
    if exchange.queued:
        own += f"x-penstock-queue-ms: {exchange.queued * 1000:.2f}\r\n"
    if exchange.degraded:
        own += f"x-penstock-degraded: {exchange.degraded}\r\n"
    if exchange.call.operation.dialect == "anthropic":
        own += f"request-id: {exchange.id}\r\n"
    return own
