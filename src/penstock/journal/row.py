"""One row of the journal: what is kept of a call, and what follows from it. Pure.

Enters: a finished exchange, or bytes that this or another version of Penstock wrote. Leaves: a Row, or its bytes.
May fail: not at all; bytes that are no row are None. Fields that a newer version added are passed over, and one that
an older version lacked has its default, so that versions may share a store.
"""

from __future__ import annotations

from typing import Any

import msgspec

LEAST_TOKENS_FOR_RATE = 2
_HITS = ("hit-exact", "hit-semantic", "coalesced")
_LOOKED_UP = (*_HITS, "miss", "refresh")
_NOTHING = msgspec.Raw(b"null")


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One call, stored as an array: new fields come last, and none changes its place. Durations in microseconds;
    ``at_ms`` is the Unix time of its end.

    ``model`` is the configured entry, ``asked`` what the caller wrote, ``answered`` the name after fallbacks.
    ``network_us`` is the round trip to the caller. ``session`` and ``digest`` are keyed hashes: equal ones were equal.
    ``body`` is what was asked, where the journal keeps it, else null. ``headers_us`` is from the start to the head of
    the upstream's answer; ``cost`` and ``saved`` are micro-dollars.
    """

    at_ms: int = 0
    id: str = ""
    key: str = ""
    scope: str = ""
    operation: str = ""
    model: str = ""
    asked: str = ""
    answered: str = ""
    upstream: str = ""
    status: int = 0
    outcome: str = ""
    error: str = ""
    fault: str = ""
    stream: bool = False
    attempts: int = 0
    cache: str = ""
    tags: str = ""
    session: str = ""
    digest: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    total_us: int = 0
    first_byte_us: int = 0
    queue_us: int = 0
    upstream_us: int = 0
    overhead_us: int = 0
    network_us: int = 0
    body: msgspec.Raw = _NOTHING
    tokens_reasoning: int = 0
    connect_us: int = 0
    headers_us: int = 0
    cost: int = 0
    saved: int = 0

    @property
    def generating_us(self) -> int:
        """While tokens came: from the first to the last of a stream, else while the upstream was waited for."""
        if self.stream:
            return max(0, self.total_us - self.first_byte_us) if self.first_byte_us else 0
        return self.upstream_us

    @property
    def tokens_per_second(self) -> float | None:
        """How fast the answer was made; None where no time passed or nothing was made."""
        tokens = self.tokens_out - 1 if self.stream else self.tokens_out
        if tokens < LEAST_TOKENS_FOR_RATE - 1 or self.generating_us <= 0:
            return None
        return tokens * 1e6 / self.generating_us

    @property
    def prefill_us(self) -> int | None:
        """About the time that the model took to read the prompt: that to the first token, less our queue and our own
        share. None for what is no stream: nobody saw its first token."""
        if not self.stream or not self.first_byte_us or self.was_hit:
            return None
        return max(0, self.first_byte_us - self.queue_us - self.overhead_us)

    @property
    def was_hit(self) -> bool:
        """It was answered without an upstream call of its own."""
        return self.cache in _HITS

    @property
    def was_looked_up(self) -> bool:
        """It might have been answered so."""
        return self.cache in _LOOKED_UP


_decode = msgspec.json.Decoder(Row).decode


def read_row(stored: bytes) -> Row | None:
    """The row in ``stored``; names that were left out because they say nothing new are put back."""
    try:
        row = _decode(stored)
    except (ValueError, RecursionError):
        return None
    asked = row.asked or row.model
    return msgspec.structs.replace(row, scope=row.scope or row.key, asked=asked, answered=row.answered or asked)


def told(row: Row, *, bodies: bool = False) -> dict[str, Any]:
    """A row for people and programs: seconds for microseconds, and what follows from it."""
    said = msgspec.structs.asdict(row)
    body = said.pop("body")
    for name in ("total", "first_byte", "queue", "upstream", "overhead", "network", "connect", "headers"):
        said[f"{name}_seconds"] = said.pop(f"{name}_us") / 1e6
    said["ended"] = said.pop("at_ms") / 1000
    said["first_byte_seconds"] = said["first_byte_seconds"] or None
    said["network_seconds"] = said["network_seconds"] or None
    said["headers_seconds"] = said["headers_seconds"] or None
    said["cost"], said["saved"] = row.cost / 1e6, row.saved / 1e6
    said["score"], said["label"] = None, ""
    said["looked_up"], said["hit"] = row.was_looked_up, row.was_hit
    said["tokens_per_second"] = None if row.tokens_per_second is None else round(row.tokens_per_second, 2)
    said["prefill_seconds"] = None if row.prefill_us is None else row.prefill_us / 1e6
    if bodies and body != _NOTHING:
        said["body"] = body
    return said
