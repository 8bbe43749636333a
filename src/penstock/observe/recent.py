"""The last calls, in a ring: what was asked of whom, how it went, how long each part took. No prompts, no answers.

Records that stay while others come are packed: left as they are, thirty small objects each, made while much else was
held, they would keep whole mebibytes of it from going back to the machine.
"""

from __future__ import annotations

import marshal
from collections import deque
from typing import Any, Final

from penstock.core.finished import Finished, Record
from penstock.core.trace import Traced

PLAIN: Final = 2
"""So many of the newest batches are not packed: where calls come fast, they are gone before it would be worth it."""


class Recent:
    """A bounded ring of records, in batches as they come."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._count = 0
        self._batches: deque[tuple[int, bytes | list[Record]]] = deque()

    def add(self, record: Record) -> None:
        """Remember a finished call."""
        self.extend([record])

    def extend(self, records: list[Record]) -> None:
        """Remember many, the eldest first."""
        if len(records) > self._size:
            records = records[len(records) - self._size :]
        batches = self._batches
        batches.append((len(records), records))
        self._count += len(records)
        self._forget()
        if len(batches) > PLAIN:
            count, batch = batches[-1 - PLAIN]
            if isinstance(batch, list):
                batches[-1 - PLAIN] = (count, _packed(batch))

    def newest(self) -> list[Record]:
        """All that are here, the newest last."""
        rows = self._backwards(self._size)
        rows.reverse()
        return rows

    def resize(self, size: int) -> None:
        """Hold ``size`` rows from now on; the newest of those here stay."""
        self._size = size
        self._forget()

    def _forget(self) -> None:
        """Let go the eldest batches of which nothing is to be kept."""
        batches = self._batches
        while batches and self._count - batches[0][0] >= self._size:
            self._count -= batches.popleft()[0]

    def rows(self, count: int = 100) -> list[dict[str, Any]]:
        """The newest ``count`` rows, newest first."""
        return [told(Finished._make(row)) for row in self._backwards(min(count, self._size))]

    def find(self, request_id: str) -> dict[str, Any] | None:
        """The row of one call, if it is still here."""
        name = request_id.encode("utf-8", "surrogatepass")  # as it is packed
        left = self._size
        for count, batch in reversed(self._batches):
            if isinstance(batch, list) or batch.find(name) >= 0:
                for row in reversed(_plain(batch)[max(0, count - left) :]):
                    if row[1] == request_id:
                        return told(Finished._make(row))
            left -= count
        return None

    def _backwards(self, most: int) -> list[Record]:
        """The newest, as many as that, the newest first; no more is unpacked than it takes."""
        rows: list[Record] = []
        for _, batch in reversed(self._batches):
            if len(rows) >= most:
                break
            rows += reversed(_plain(batch))
        return rows[:most]

    def __repr__(self) -> str:
        return f"<Recent {min(self._count, self._size)} of {self._size}>"


def _packed(rows: list[Record]) -> bytes | list[Record]:
    """As bytes; as they are where something cannot be packed."""
    plain = [row if row[-1] is None else (*row[:-1], tuple(row[-1])) for row in rows]
    try:
        return marshal.dumps(plain)
    except ValueError:
        return rows


def _plain(batch: bytes | list[Record]) -> list[Record]:
    if isinstance(batch, list):
        return batch
    rows: list[Record] = marshal.loads(batch)
    return [row if row[-1] is None else (*row[:-1], Traced(*row[-1])) for row in rows]


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
