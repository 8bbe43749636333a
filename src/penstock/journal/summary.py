"""What many rows say together, by model, upstream, key, session or any other field. Pure.

Enters: rows as ``told``. Leaves: groups, the largest first: calls, errors, hit rate, tokens, and where the time went:
network, queue, gateway, prompt (prefill), model. Bounded: beyond ``MOST_GROUPS`` further groups are one, "(others)".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

MOST_GROUPS = 10_000
OTHERS = "(others)"
FIELDS = ("model", "upstream", "key", "scope", "session", "operation", "cache", "outcome", "error", "tags", "answered")


class Mean(msgspec.Struct):
    """Of those that are known."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float | None) -> None:
        """One more; None is not known."""
        if value is not None:
            self.total += value
            self.count += 1

    @property
    def value(self) -> float | None:
        return self.total / self.count if self.count else None


class Group(msgspec.Struct):
    """Calls with the same value of a field. ``hits`` of those ``looked_up``, which might have been answered by a
    cache."""

    name: str
    calls: int = 0
    errors: int = 0
    looked_up: int = 0
    hits: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    total: Mean = msgspec.field(default_factory=Mean)
    first_byte: Mean = msgspec.field(default_factory=Mean)
    network: Mean = msgspec.field(default_factory=Mean)
    queue: Mean = msgspec.field(default_factory=Mean)
    gateway: Mean = msgspec.field(default_factory=Mean)
    prefill: Mean = msgspec.field(default_factory=Mean)
    upstream: Mean = msgspec.field(default_factory=Mean)
    rate: Mean = msgspec.field(default_factory=Mean)

    @property
    def hit_rate(self) -> float | None:
        """Hits among calls that might have been; None where none might."""
        return self.hits / self.looked_up if self.looked_up else None

    def add(self, row: Mapping[str, Any]) -> None:
        """One more call."""
        self.calls += 1
        self.errors += row["outcome"] == "error" or row["status"] >= 400
        self.looked_up += row["looked_up"]
        self.hits += row["hit"]
        self.tokens_in += row["tokens_in"]
        self.tokens_cached += row["tokens_cached"]
        self.tokens_out += row["tokens_out"]
        self.total.add(row["total_seconds"])
        self.first_byte.add(row["first_byte_seconds"])
        self.network.add(row["network_seconds"])
        self.queue.add(row["queue_seconds"])
        self.gateway.add(row["overhead_seconds"])
        self.prefill.add(row["prefill_seconds"])
        self.upstream.add(row["upstream_seconds"] if row["upstream"] and not row["hit"] else None)
        self.rate.add(row["tokens_per_second"])

    def told(self) -> dict[str, Any]:
        """As plain values."""
        means = {
            "total_seconds": self.total, "first_byte_seconds": self.first_byte, "network_seconds": self.network,
            "queue_seconds": self.queue, "overhead_seconds": self.gateway, "prefill_seconds": self.prefill,
            "upstream_seconds": self.upstream, "tokens_per_second": self.rate,
        }  # fmt: skip
        return {
            "name": self.name, "calls": self.calls, "errors": self.errors, "hits": self.hits,
            "hit_rate": self.hit_rate, "tokens_in": self.tokens_in, "tokens_cached": self.tokens_cached,
            "tokens_out": self.tokens_out, **{name: mean.value for name, mean in means.items()},
        }  # fmt: skip


class Summary:
    """Rows gathered ``by`` a field."""

    def __init__(self, by: str) -> None:
        self._by = by
        self._groups: dict[str, Group] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row, as ``told``."""
        name = str(row[self._by])
        group = self._groups.get(name)
        if group is None:
            if len(self._groups) >= MOST_GROUPS:
                name = OTHERS
            group = self._groups.setdefault(name, Group(name))
        group.add(row)

    def groups(self) -> list[Group]:
        """The largest first."""
        return sorted(self._groups.values(), key=lambda group: (-group.calls, group.name))

    def __repr__(self) -> str:
        return f"<Summary by {self._by}: {len(self._groups)} groups>"
