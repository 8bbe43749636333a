"""Rows of the journal, by what differs from a plain one, as they come back."""

import msgspec

from penstock.journal.row import Row, read_row
from penstock.journal.values import row_of
from tests.support.exchanges import finished


def written(network: float = 0.0, body: msgspec.Raw | None = None, **facts: object) -> Row:
    stream = facts.pop("stream", False)
    exchange = finished(**facts)  # type: ignore[arg-type]
    exchange.call.stream = bool(stream)
    row = read_row(row_of(exchange, 5000, "b12", "s1", "a,b", network, body))
    assert row is not None
    return row
