"""The histograms of calls, by the attributes that the conventions ask for. Pure.

Enters: records of calls, kept traces or not. Leaves: data points, counted from the start or since they were last sent.
At most ``MOST_SERIES`` series a metric; what more there would be goes into one that is marked as the overflow.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

from penstock.core.finished import Finished
from penstock.telemetry.errors import error_type
from penstock.telemetry.names import (
    CLIENT,
    FIRST_CHUNK,
    OPERATIONS,
    PER_CHUNK,
    SERVER,
    SERVER_FIRST,
    SERVER_TOKEN,
    TOKEN_USAGE,
    Metric,
    Names,
    Server,
)

MOST_SERIES = 1000
Attributes = tuple[tuple[str, str | int | bool], ...]
OVERFLOW: Attributes = (("otel.metric.overflow", True),)


class Point(NamedTuple):
    """One series as it is now."""

    metric: Metric
    attributes: Attributes
    counts: list[int]
    sum: float
    least: float
    most: float


class _Series:
    __slots__ = ("counts", "least", "most", "sum")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.sum = 0.0
        self.least = float("inf")
        self.most = 0.0


class Meters:
    """See the module. ``servers`` are the upstreams by name."""

    def __init__(self, names: Names, servers: Mapping[str, Server]) -> None:
        self.names = names
        self.servers = servers
        self._series: dict[Metric, dict[Attributes, _Series]] = {}
        self._shared: dict[tuple[str, str, str], Attributes] = {}

    def take(self, call: Finished) -> None:
        """Count a call."""
        shared = self._attributes(call.operation, call.model, call.upstream)
        error = error_type(call.fault, call.error, call.status, call.outcome)
        whole = (*shared, ("error.type", error)) if error else shared
        self._put(SERVER, whole, call.total)
        streams = call.stream and call.first_byte > 0.0
        gap = call.token_gap
        if not error:
            if streams:
                self._put(SERVER_FIRST, shared, call.first_byte)
            if gap is not None:
                self._put(SERVER_TOKEN, shared, gap)
        if not call.attempts or call.cache == "coalesced":
            return
        self._put(CLIENT, whole, max(0.0, call.total - call.queued - call.overhead))
        if self.names.chunks and streams:
            self._put(FIRST_CHUNK, shared, max(0.0, call.first_byte - call.queued - call.overhead))
            if gap is not None:
                self._put(PER_CHUNK, shared, gap)
        if call.tokens_in:
            self._put(TOKEN_USAGE, (*shared, ("gen_ai.token.type", "input")), call.tokens_in)
        if call.tokens_out:
            self._put(TOKEN_USAGE, (*shared, ("gen_ai.token.type", "output")), call.tokens_out)

    def _attributes(self, operation: str, model: str, upstream: str) -> Attributes:
        """What all metrics of such a call have in common."""
        key = (operation, model, upstream)
        known = self._shared.get(key)
        if known is None:
            server = self.servers.get(upstream)
            made: list[tuple[str, str | int | bool]] = [
                ("gen_ai.operation.name", OPERATIONS.get(operation, operation)),
                (self.names.provider, "penstock" if server is None else server.provider),
            ]
            if upstream:  # else nobody served it, and the model may be anything that a caller wrote
                made += [("gen_ai.request.model", model), ("penstock.upstream", upstream)]
            if server is not None and server.host:
                made += [("server.address", server.host), ("server.port", server.port)]
            if len(self._shared) >= MOST_SERIES:
                self._shared.clear()
            known = self._shared[key] = tuple(made)
        return known

    def _put(self, metric: Metric, attributes: Attributes, value: float) -> None:
        rows = self._series.get(metric)
        if rows is None:
            rows = self._series[metric] = {}
        row = rows.get(attributes)
        if row is None:
            if len(rows) >= MOST_SERIES:
                attributes = OVERFLOW
            row = rows.get(attributes)
            if row is None:
                row = rows[attributes] = _Series(len(metric.bounds) + 1)
        row.counts[bisect_left(metric.bounds, value)] += 1
        row.sum += value
        if value < row.least:
            row.least = value
        if value > row.most:
            row.most = value

    def points(self) -> list[Point]:
        """All series that have counted something."""
        return [
            Point(metric, attributes, list(row.counts), row.sum, row.least, row.most)
            for metric, rows in self._series.items()
            for attributes, row in rows.items()
        ]

    def clear(self) -> None:
        """Begin anew: what was counted has been sent."""
        self._series.clear()

    def __repr__(self) -> str:
        return f"<Meters {sum(len(rows) for rows in self._series.values())} series>"
