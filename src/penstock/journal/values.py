"""The values of one row of the journal, taken from a call that has ended, and their bytes. Pure.

Enters: a finished exchange. Leaves: a tuple in the order of ``Row``'s fields, later bytes. Apart from ``row.py``: it is
done with every call, and mypyc compiles no structs.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.exchange import Exchange

MOST_NAME_CHARACTERS: Final = 200
"""Of what a caller may choose: the model's name, the tags."""

Values = tuple[Any, ...]
"""Of a row, in the order of its fields."""

_encode: Final = msgspec.json.Encoder().encode


def row_of(
    exchange: Exchange, at_ms: int, digest: str, session: str, tags: str, network: float, body: msgspec.Raw | None
) -> bytes:
    """The row of a finished exchange, as bytes."""
    return _encode(values_of(exchange, at_ms, digest, session, tags, network, body))


def encoded(rows: list[Values]) -> list[bytes]:
    """Rows as bytes, many together: one by one, between calls, each costs three times as much. One that cannot be
    written is left out."""
    try:
        return [_encode(row) for row in rows]
    except (ValueError, TypeError):
        return [one for row in rows for one in _encoded_alone(row)]


def _encoded_alone(row: Values) -> list[bytes]:
    try:
        return [_encode(row)]
    except (ValueError, TypeError):
        return []


def values_of(
    exchange: Exchange, at_ms: int, digest: str, session: str, tags: str, network: float, body: msgspec.Raw | None
) -> Values:
    """The row of a finished exchange, as it is encoded later. Keeps no reference to the exchange."""
    call = exchange.call
    error = exchange.error
    started = exchange.started
    scope = exchange.scope
    key = exchange.key
    model = exchange.model
    asked = call.model
    answered = exchange.answered_as
    return (  # a tuple: to make a Row first would cost as much again
        at_ms, exchange.id, key, "" if scope == key else scope, call.operation.name, model,
        "" if asked == model else asked[:MOST_NAME_CHARACTERS],
        "" if answered == asked else answered[:MOST_NAME_CHARACTERS],
        exchange.upstream, exchange.status, exchange.outcome or "",
        "" if error is None else error.code, "" if error is None else error.fault,
        call.stream, exchange.attempts, exchange.cache, tags, session, digest,
        exchange.tokens_in, exchange.tokens_out, exchange.tokens_cached, exchange.bytes_in, exchange.bytes_out,
        int((exchange.ended - started) * 1e6),
        int((exchange.first_byte - started) * 1e6) if exchange.first_byte else 0,
        int(exchange.queued * 1e6) if exchange.queued else 0, int(exchange.waited * 1e6) if exchange.waited else 0,
        int(exchange.overhead * 1e6), int(network * 1e6) if network else 0, body,
        exchange.tokens_reasoning, int(exchange.connecting * 1e6) if exchange.connecting else 0,
        int((exchange.answered - started) * 1e6) if exchange.answered else 0, exchange.cost, exchange.saved,
    )  # fmt: skip
