"""The spans of a call, made of its record when it has long ended. Pure.

Enters: a Finished whose trace is kept. Leaves: a server span, under it one for each room that made the call wait and
one for each attempt at an upstream, which alone carry ``gen_ai.*`` (else tokens would count twice). No text of
anybody's is in them. How long a room held it is exact; when, is not recorded: those spans stand in a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from penstock.core.finished import Finished
from penstock.core.trace import Traced
from penstock.telemetry.errors import error_type, failure_type
from penstock.telemetry.names import OPERATIONS, Names, Server
from penstock.wire.operations import BELOW
from penstock.wire.operations import OPERATIONS as KNOWN

INTERNAL, SERVER, CLIENT = 1, 2, 3
ERROR = 2
_SPANS = (1 << 64) - 1
_FIRST_OF_ROOMS = 1 << 20
"""Ids of the rooms' spans follow the call's own at a distance: those of its attempts are the next ones."""
Attributes = dict[str, Any]
ROUTES = {one.name: f"/v1{one.path}" for one in KNOWN} | {one.name: f"/v1{one.path}/{{id}}" for one in BELOW}


class Span(NamedTuple):
    """Times in nanoseconds of Unix time; ``events`` are (time, name)."""

    trace: str
    span: str
    parent: str
    name: str
    kind: int
    start: int
    end: int
    attributes: Attributes
    events: list[tuple[int, str]]
    error: str
    state: bytes
    flags: int


class Spans:
    """Makes them by one convention. ``servers`` are the upstreams by name."""

    def __init__(self, names: Names, servers: Mapping[str, Server]) -> None:
        self._names = names
        self._servers = servers

    def of(self, call: Finished) -> list[Span]:
        """See the module; nothing for a call whose trace is not kept."""
        trace = call.trace
        if trace is None:
            return []
        began = call.at - call.total
        made = [self._server(call, trace, began)]
        made += self._rooms(call, trace, began)
        made += self._clients(call, trace, began)
        return made

    def _server(self, call: Finished, trace: Traced, began: float) -> Span:
        route = ROUTES.get(call.operation, call.operation)
        said: Attributes = {
            "http.request.method": trace.method,
            "http.route": route,
            "http.response.status_code": call.status,
            "penstock.request.id": call.id,
            "penstock.operation": call.operation,
            "penstock.model": call.model,
            "penstock.outcome": call.outcome,
            "penstock.stream": call.stream,
            "penstock.attempts": call.attempts,
            "penstock.overhead": round(call.overhead, 6),
            "penstock.trace.kept": trace.why,
        }
        for name, value in (
            ("penstock.upstream", call.upstream), ("penstock.key.id", call.key), ("penstock.tags", call.tags),
            ("penstock.cache", call.cache), ("penstock.degraded", call.degraded), ("penstock.batch", call.batch),
            ("penstock.hedge", call.hedge), ("penstock.error.code", call.error), ("penstock.rescues", call.rescues),
            ("penstock.queued", round(call.queued, 6)), ("penstock.cost", call.cost / 1e6),
            ("penstock.saved", call.saved / 1e6),
        ):  # fmt: skip
            if value:
                said[name] = value
        error = error_type(call.fault, call.error, call.status, call.outcome)
        return self._span(
            trace, trace.span, trace.parent, f"{trace.method} {route}", SERVER, began,
            (0.0, call.total), said, error, call.first_byte if call.stream else 0.0,
        )  # fmt: skip

    def _rooms(self, call: Finished, trace: Traced, began: float) -> list[Span]:
        made: list[Span] = []
        at = 0.0
        for number, (room, seconds) in enumerate((call.waits or {}).items()):
            span = f"{(int(trace.span, 16) + _FIRST_OF_ROOMS + number) & _SPANS or 1:016x}"
            until = min(at + seconds, call.total)
            said: Attributes = {"penstock.room": room}
            name = f"wait {room}"
            made.append(self._span(trace, span, trace.span, name, INTERNAL, began, (at, until), said, "", 0.0))
            at = until
        return made

    def _clients(self, call: Finished, trace: Traced, began: float) -> list[Span]:
        attempts = trace.attempts
        if not attempts and call.attempts and call.upstream and call.cache != "coalesced":  # of no HTTP upstream
            start = min(call.queued, call.total)
            span = f"{(int(trace.span, 16) + 1) & _SPANS or 1:016x}"
            attempts = [(span, call.upstream, call.model, start, call.answering, call.status, "")]
        made: list[Span] = []
        for number, (span, upstream, model, start, head, status, kind) in enumerate(attempts):
            last = number == len(attempts) - 1
            end = call.total if last else head or attempts[number + 1][3]
            answers = upstream == call.upstream and not kind and (last or not _answered(attempts[number + 1 :]))
            said = self._asked(call, trace, upstream, model)
            error = failure_type(kind, status)
            if answers:
                self._answered(said, call)
                if not error and call.fault == "upstream":  # it broke after its head
                    error = error_type(call.fault, call.error, call.status, call.outcome)
                end = call.total
            if status:
                said["http.response.status_code"] = status
            name = f"{said[self._names.operation]} {model}"
            first = call.first_byte if answers and call.stream else 0.0
            made.append(
                self._span(trace, span, trace.span, name, CLIENT, began, (start, max(start, end)), said, error, first)
            )
        return made

    def _asked(self, call: Finished, trace: Traced, upstream: str, model: str) -> Attributes:
        names = self._names
        server = self._servers.get(upstream)
        said: Attributes = {
            names.operation: OPERATIONS.get(call.operation, call.operation),
            names.provider: "penstock" if server is None else server.provider,
            names.model: model,
            "penstock.upstream": upstream,
            "penstock.request.id": call.id,
        }
        if server is not None and server.host:
            said["server.address"], said["server.port"] = server.host, server.port
        if trace.max_tokens is not None:
            said[names.max_tokens] = trace.max_tokens
        if trace.temperature is not None:
            said[names.temperature] = float(trace.temperature)
        if names.stream and call.stream:
            said[names.stream] = True
        return said

    def _answered(self, said: Attributes, call: Finished) -> None:
        """What the answer said, on the span of the attempt that gave it."""
        names = self._names
        for name, number in (
            (names.tokens_in, call.tokens_in), (names.tokens_out, call.tokens_out),
            (names.cached, call.tokens_cached), (names.reasoning, call.tokens_reasoning),
        ):  # fmt: skip
            if name and number:
                said[name] = number
        if names.first_chunk and call.stream and call.first_byte:
            said[names.first_chunk] = round(max(0.0, call.first_byte - call.queued - call.overhead), 6)

    def _span(
        self, trace: Traced, span: str, parent: str, name: str, kind: int, began: float, between: tuple[float, float],
        said: Attributes, error: str, first: float,
    ) -> Span:  # fmt: skip
        if error:
            said["error.type"] = error
        events = [(_nanos(began + first), "first_token")] if first else []
        start, end = between
        return Span(
            trace.trace, span, parent, name[:200], kind, _nanos(began + start), _nanos(began + end), said, events,
            error, trace.state, trace.flags,
        )  # fmt: skip


def _answered(later: list[tuple[str, str, str, float, float, int, str]]) -> bool:
    """Whether one of them may have answered: a hedge that lost went out before it, or after."""
    return any(not kind and 0 < status < 400 for *_, status, kind in later)


def _nanos(seconds: float) -> int:
    return int(seconds * 1e9)
