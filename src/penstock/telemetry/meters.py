"""The histograms of calls, by the attributes that the conventions ask for. Pure.

Enters: records of calls, kept traces or not. Leaves: data points, counted from the start or since they were last sent.
At most ``MOST_SERIES`` kinds of calls are told apart; what more there would be counts as one, marked as overflow.
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
_OVERFLOW = ("", "", "", "overflow")


class Point(NamedTuple):
    """One series as it is now."""

    metric: Metric
    attributes: Attributes
    counts: list[int]
    sum: float
    least: float
    most: float


class _Series:
    __slots__ = ("attributes", "counts", "least", "metric", "most", "sum")

    def __init__(self, metric: Metric, attributes: Attributes) -> None:
        self.metric = metric
        self.attributes = attributes
        self.counts = [0] * (len(metric.bounds) + 1)
        self.sum = 0.0
        self.least = float("inf")
        self.most = 0.0

    def put(self, value: float) -> None:
        self.counts[bisect_left(self.metric.bounds, value)] += 1
        self.sum += value
        if value < self.least:
            self.least = value
        if value > self.most:
            self.most = value


class _Row:
    """The series of calls that are alike, each made at first use."""

    __slots__ = ("attributes", "series", "token_type")

    def __init__(self, attributes: Attributes, token_type: str) -> None:
        self.attributes = attributes
        self.token_type = token_type
        self.series: list[_Series | None] = [None] * len(_TABLE)

    def put(self, number: int, value: float) -> None:
        series = self.series[number]
        if series is None:
            metric, tokens = _TABLE[number]
            more: Attributes = ((self.token_type, tokens),) if tokens else ()
            series = self.series[number] = _Series(metric, (*self.attributes, *more))
        series.put(value)


_TABLE: tuple[tuple[Metric, str], ...] = (
    (SERVER, ""), (SERVER_FIRST, ""), (SERVER_TOKEN, ""), (CLIENT, ""), (FIRST_CHUNK, ""), (PER_CHUNK, ""),
    (TOKEN_USAGE, "input"), (TOKEN_USAGE, "output"),
)  # fmt: skip
"""Each with the type of tokens that it counts, if it does."""
_SERVER, _SERVER_FIRST, _SERVER_TOKEN, _CLIENT, _FIRST_CHUNK, _PER_CHUNK, _INPUT, _OUTPUT = range(len(_TABLE))


class Meters:
    """See the module. ``servers`` are the upstreams by name."""

    def __init__(self, names: Names, servers: Mapping[str, Server]) -> None:
        self.names = names
        self.servers = servers
        self._rows: dict[tuple[str, str, str, str], _Row] = {}

    def take(self, call: Finished) -> None:
        """Count a call."""
        error = ""
        if call.status != 200 or call.outcome != "ok":
            error = error_type(call.fault, call.error, call.status, call.outcome)
        whole = self._row(call.operation, call.model, call.upstream, error)
        plain = whole if not error else self._row(call.operation, call.model, call.upstream, "")
        total, first = call.total, call.first_byte
        whole.put(_SERVER, total)
        streams = call.stream and first > 0.0
        gap = call.token_gap
        if not error:
            if streams:
                plain.put(_SERVER_FIRST, first)
            if gap is not None:
                plain.put(_SERVER_TOKEN, gap)
        if not call.attempts or call.cache == "coalesced":
            return
        ours = call.queued + call.overhead
        whole.put(_CLIENT, max(0.0, total - ours))
        if streams and self.names.chunks:
            plain.put(_FIRST_CHUNK, max(0.0, first - ours))
            if gap is not None:
                plain.put(_PER_CHUNK, gap)
        if call.tokens_in:
            plain.put(_INPUT, call.tokens_in)
        if call.tokens_out:
            plain.put(_OUTPUT, call.tokens_out)

    def _row(self, operation: str, model: str, upstream: str, error: str) -> _Row:
        if not upstream:  # nobody served it: its model may be anything that a caller wrote
            model = ""
        key = (OPERATIONS.get(operation, operation), model, upstream, error)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= MOST_SERIES:
                key = _OVERFLOW
                row = self._rows.get(key)
            if row is None:
                row = self._rows[key] = _Row(
                    OVERFLOW if key is _OVERFLOW else self._attributes(*key), self.names.token_type
                )
        return row

    def _attributes(self, operation: str, model: str, upstream: str, error: str) -> Attributes:
        server = self.servers.get(upstream)
        made: list[tuple[str, str | int | bool]] = [
            (self.names.operation, operation),
            (self.names.provider, "penstock" if server is None else server.provider),
        ]
        if upstream:
            made += [(self.names.model, model), ("penstock.upstream", upstream)]
        if server is not None and server.host:
            made += [("server.address", server.host), ("server.port", server.port)]
        if error:
            made.append(("error.type", error))
        return tuple(made)

    def points(self) -> list[Point]:
        """All series that have counted something."""
        return [
            Point(one.metric, one.attributes, list(one.counts), one.sum, one.least, one.most)
            for row in self._rows.values()
            for one in row.series
            if one is not None
        ]

    def clear(self) -> None:
        """Begin anew: what was counted has been sent."""
        self._rows.clear()

    def __repr__(self) -> str:
        return f"<Meters {len(self._rows)} kinds of calls>"
