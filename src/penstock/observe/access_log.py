"""The access log: a line of JSON a call, without prompts, answers or keys.

Lines are gathered and written together a few times a second, so that a call never waits for a disk. May fail: a full
disk loses lines (counted), never a call.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any, TextIO

import msgspec

from penstock.core.exchange import Exchange

MAX_HELD_LINES = 10_000


class AccessLog:
    """``note`` takes a finished exchange, ``flush`` writes what was noted to ``stream``.

    ``errors_only`` tells the room which exchanges to note.
    """

    def __init__(self, stream: Callable[[], TextIO], wall: Callable[[], float], *, errors_only: bool) -> None:
        self._stream = stream
        self._wall = wall
        self.errors_only = errors_only
        self._lines: list[bytes] = []
        self.lost = 0

    def note(self, exchange: Exchange) -> None:
        """Remember a line for ``exchange``."""
        if self.errors_only and exchange.error is None and exchange.status < 500:
            return
        if len(self._lines) >= MAX_HELD_LINES:
            self.lost += 1
            return
        self._lines.append(msgspec.json.encode(row_of(exchange, self._wall())))

    def flush(self) -> None:
        """Write the lines gathered since the last time."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            stream = self._stream()
            stream.write(_plain(b"\n".join(lines).decode()) + "\n")
            stream.flush()
        except (OSError, ValueError):
            self.lost += len(lines)

    def __repr__(self) -> str:
        return f"<AccessLog {len(self._lines)} lines held, {self.lost} lost>"


def _plain(text: str) -> str:
    """What callers wrote, without what a terminal would obey: escaped, as JSON can."""
    if text.isascii():
        return text
    return "".join([one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text])


def row_of(exchange: Exchange, wall: float) -> dict[str, Any]:
    """What the log tells of one call. Durations in milliseconds."""
    call = exchange.call
    error = exchange.error
    total = exchange.ended - exchange.started
    return {
        "time": datetime.datetime.fromtimestamp(wall, datetime.UTC).isoformat(timespec="milliseconds"),
        "level": "info" if error is None else "warning" if error.fault == "caller" else "error",
        "event": "call",
        "id": exchange.id,
        "trace": None if exchange.trace is None else exchange.trace.id,
        "client": call.client,
        "key": exchange.key,
        "operation": call.operation.name,
        "model": exchange.model or call.model[:100],
        "upstream": exchange.upstream,
        "status": exchange.status,
        "outcome": exchange.outcome,
        "stream": call.stream,
        "attempts": exchange.attempts,
        "ms": round(total * 1000, 2),
        "upstream_ms": round(exchange.waited * 1000, 2),
        "first_byte_ms": round((exchange.first_byte - exchange.started) * 1000, 2) if exchange.first_byte else None,
        "tokens_in": exchange.tokens_in,
        "tokens_out": exchange.tokens_out,
        "bytes_in": exchange.bytes_in,
        "bytes_out": exchange.bytes_out,
        "error": None if error is None else error.code,
        "fault": None if error is None else error.fault,
        "reason": None if error is None else error.loggable[:300],
    }
