"""The last calls, in a ring: what was asked of whom, how it went, how long each part took. No prompts, no answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from penstock.core.exchange import Exchange

FIELDS = (
    "id", "ended", "operation", "model", "upstream", "status", "outcome", "stream", "attempts", "seconds",
    "first_byte_seconds", "upstream_seconds", "tokens_in", "tokens_out", "tokens_cached", "bytes_in", "bytes_out",
    "key", "cache", "error",
)  # fmt: skip


class Recent:
    """A bounded ring of rows; ``wall`` gives Unix seconds."""

    def __init__(self, size: int, wall: Callable[[], float]) -> None:
        self._rows: deque[tuple[Any, ...]] = deque(maxlen=size)
        self._wall = wall

    def add(self, exchange: Exchange) -> None:
        """Remember a finished exchange. Keeps no reference to it or to its body."""
        started = exchange.started
        call = exchange.call
        error = exchange.error
        self._rows.append(
            (
                exchange.id, self._wall(), call.operation.name, exchange.model or call.model[:64], exchange.upstream,
                exchange.status, exchange.outcome, call.stream, exchange.attempts, exchange.ended - started,
                exchange.first_byte - started if exchange.first_byte else None, exchange.waited,
                exchange.tokens_in, exchange.tokens_out, exchange.tokens_cached, exchange.bytes_in,
                exchange.bytes_out, exchange.key, exchange.cache, None if error is None else error.code,
            )
        )  # fmt: skip

    def resize(self, size: int) -> None:
        """Hold ``size`` rows from now on; the newest of those here stay."""
        if size != self._rows.maxlen:
            self._rows = deque(self._rows, maxlen=size)

    def rows(self, count: int = 100) -> list[dict[str, Any]]:
        """The newest ``count`` rows, newest first."""
        newest = list(self._rows)[-count:] if count > 0 else []
        return [dict(zip(FIELDS, row, strict=True)) for row in reversed(newest)]

    def find(self, request_id: str) -> dict[str, Any] | None:
        """The row of one call, if it is still here."""
        for row in reversed(self._rows):
            if row[0] == request_id:
                return dict(zip(FIELDS, row, strict=True))
        return None

    def __repr__(self) -> str:
        return f"<Recent {len(self._rows)} of {self._rows.maxlen}>"
