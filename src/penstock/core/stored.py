"""The port to state that outlives a process or is shared by many: records, logs and counters.

One Store a worker, behind it memory, SQLite or Redis. Whatever changes something is queued and never waits (a call must
not wait for a disk); what reads is awaited. Writes reach the store in the order in which they were queued. Nothing here
raises for a store that is away, but where it says so: reads find nothing, writes are lost and counted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

Row = tuple[str, bytes]
"""A row of a log: its position (a decimal number that grows by one, within one log) and its bytes."""


class Missed(LookupError):
    """Rows behind a position are gone, or the log has begun anew: who follows it has to scan what it tells of again."""


class Records(Protocol):
    """A table of byte strings by key, each with a moment (wall seconds) after which it is gone."""

    async def get(self, key: bytes) -> bytes | None:
        """The value; None where there is none, it has expired, or the store is away."""

    def put(self, key: bytes, value: bytes, expires: float) -> bool:
        """Queue a write. False when the queue is full or the value too large: then it is lost, and counted."""

    def delete(self, keys: Sequence[bytes]) -> bool:
        """Queue a removal, as ``put``."""

    def scan(self) -> AsyncIterator[list[tuple[bytes, bytes]]]:
        """All records that have not expired, in batches; what changes meanwhile may be among them, or twice. Ends early
        when the store goes away."""


class Log(Protocol):
    """Rows in order, bounded: the oldest go."""

    def append(self, row: bytes) -> bool:
        """Queue a row. False when the queue is full: then it is lost, and counted."""

    def extend(self, rows: Sequence[bytes]) -> bool:
        """Queue many rows, which costs a fraction of as many calls of ``append``. False: all of them are lost."""

    def drop(self, upto: str) -> bool:
        """Queue the removal of the rows up to and with the position ``upto``. False when the queue is full."""

    async def read(self, after: str, limit: int, wait: float = 0.0) -> list[Row]:
        """Up to ``limit`` rows after the position ``after`` ("" for the oldest kept). With none, waits up to ``wait``
        seconds for one, written here or elsewhere. Raises Missed; never for ""."""

    async def last(self) -> str:
        """The newest position, "" for an empty log."""


class Counters(Protocol):
    """Numbers and names that all who share the store agree on."""

    async def add(self, name: str, amount: int, expires: float | None = None) -> int:
        """Add in one step and give the sum. A new counter begins at 0 and is gone at the wall second ``expires``.
        Raises OSError when the store is away, ValueError for an amount beyond 2**53."""

    async def once(self, name: str, value: bytes) -> bytes:
        """The value kept under ``name``; ``value`` itself if none was. Raises OSError when the store is away."""


class Store(Protocol):
    """See the module."""

    shared: bool
    """Whether others may write to it: then its logs have to be followed."""

    @property
    def counters(self) -> Counters:
        """What all agree on."""

    @property
    def incarnation(self) -> str:
        """Another one after the store lost what it held; "" until it was first reached. To follow a table: take the
        log's last position, then this, then scan, then read on; begin anew when this differs or a read raises Missed.
        """

    def records(self, table: str) -> Records:
        """The table ``table`` (``[a-z][a-z0-9_]*``), made at first use."""

    def log(self, name: str, keep: int) -> Log:
        """The log ``name`` with (about) the newest ``keep`` rows."""

    async def flush(self) -> bool:
        """Wait until what was queued so far is stored or lost. Whether all of it is stored: False, too, while that is
        not known because the store is away."""
