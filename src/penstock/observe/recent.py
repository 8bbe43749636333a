"""The last calls, in a ring: what was asked of whom, how it went, how long each part took. No prompts, no answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from penstock.core.finished import Finished, Record


class Recent:
    """A bounded ring of records."""

    def __init__(self, size: int) -> None:
        self._rows: deque[Record] = deque(maxlen=size)

    def add(self, record: Record) -> None:
        """Remember a finished call."""
        self._rows.append(record)

    def extend(self, records: Iterable[Record]) -> None:
        """Remember many, the eldest first."""
        self._rows.extend(records)

    def resize(self, size: int) -> None:
        """Hold ``size`` rows from now on; the newest of those here stay."""
        if size != self._rows.maxlen:
            self._rows = deque(self._rows, maxlen=size)

    def rows(self, count: int = 100) -> list[dict[str, Any]]:
        """The newest ``count`` rows, newest first."""
        newest = list(self._rows)[-count:] if count > 0 else []
        return [told(Finished._make(row)) for row in reversed(newest)]

    def find(self, request_id: str) -> dict[str, Any] | None:
        """The row of one call, if it is still here."""
        for row in reversed(self._rows):
            if row[1] == request_id:
                return told(Finished._make(row))
        return None

    def __repr__(self) -> str:
        return f"<Recent {len(self._rows)} of {self._rows.maxlen}>"


def told(call: Finished) -> dict[str, Any]:
    """A call for people and programs."""
    return {
        "id": call.id, "ended": call.at, "operation": call.operation, "model": call.model, "upstream": call.upstream,
        "status": call.status, "outcome": call.outcome, "stream": call.stream, "attempts": call.attempts,
        "seconds": call.total, "first_byte_seconds": call.first_byte or None, "upstream_seconds": call.waited,
        "queue_seconds": call.queued, "overhead_seconds": call.overhead, "connect_seconds": call.connecting,
        "headers_seconds": call.answering or None, "waits": call.waits or {}, "tokens_in": call.tokens_in,
        "tokens_out": call.tokens_out, "tokens_cached": call.tokens_cached, "tokens_reasoning": call.tokens_reasoning,
        "bytes_in": call.bytes_in, "bytes_out": call.bytes_out, "key": call.key, "tags": call.tags,
        "cache": call.cache, "degraded": call.degraded, "batch": call.batch, "rescues": call.rescues,
        "hedge": call.hedge, "cost": call.cost / 1e6, "saved": call.saved / 1e6,
        "error": call.error or None, "fault": call.fault or None, "rooms": call.rooms,
        "trace": None if call.trace is None else call.trace.trace,
    }  # fmt: skip
