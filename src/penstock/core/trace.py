"""The place of a call in a distributed trace, while it runs and when it has ended. Pure.

Enters: who sent it (a ``Parent``, from its head) and what was asked of upstreams. Leaves: the fields that go upstream
with each attempt, and a ``Traced``, which the record of the call carries. Exists only while tracing is switched on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from penstock.core.exchange import Exchange

MOST_ATTEMPTS = 32
"""Remembered of one call; further ones still go out with the trace."""
_SPANS = (1 << 64) - 1


class Parent(NamedTuple):
    """Who sent a call: ids in hexadecimal, ``flags`` as received, ``state`` what others keep in ``tracestate``."""

    trace: str
    span: str
    flags: int
    state: bytes

    @property
    def sampled(self) -> bool:
        """Whether the sender keeps its part of the trace."""
        return bool(self.flags & 1)


class Attempt:
    """One request to an upstream. Times are monotonic seconds; ``head`` is the moment at which the head of its answer
    was there, or it failed (0: neither). ``line`` are the fields that go with it."""

    __slots__ = ("began", "head", "kind", "line", "model", "span", "status", "upstream")

    def __init__(self, span: str, upstream: str, model: str, began: float, line: bytes) -> None:
        self.span = span
        self.upstream = upstream
        self.model = model
        self.began = began
        self.line = line
        self.head = 0.0
        self.status = 0
        self.kind = ""


class Traced(NamedTuple):
    """What is left of a trace when its call has ended. ``why`` it is kept: ``sampled``, ``error`` or ``slow``. Attempts
    are tuples (span, upstream, model, began, head, status, kind of failure), times in seconds after the call's start.
    """

    trace: str
    span: str
    parent: str
    flags: int
    state: bytes
    why: str
    attempts: list[tuple[str, str, str, float, float, int, str]]
    max_tokens: int | None
    temperature: float | None
    method: str


class Trace:
    """A call under way. The ids of its attempts follow on its own. ``always``: though it was not drawn it is kept when
    it fails through no fault of its caller (whom we may not know: strangers could else fill the store of traces), or
    takes longer than ``slow`` seconds (0: no matter how long)."""

    __slots__ = ("_number", "_start", "always", "attempts", "flags", "id", "parent", "slow", "state")

    def __init__(self, id: str, number: int, parent: str, flags: int, state: bytes, always: bool, slow: float) -> None:
        self.id = id
        self._number = number
        self.parent = parent
        self.flags = flags
        self.state = state
        self.always = always
        self.slow = slow
        self.attempts: list[Attempt] = []
        self._start = b"traceparent: 00-" + id.encode() + b"-"

    @property
    def span(self) -> str:
        """The id of the call's own span."""
        return f"{self._number:016x}"

    def ask(self, upstream: str, model: str, now: float) -> Attempt:
        """A request to ``upstream`` begins."""
        number = (self._number + len(self.attempts) + 1) & _SPANS or 1
        span = f"{number:016x}"
        line = b"%b%b-%02x\r\n" % (self._start, span.encode(), self.flags)
        if self.state:
            line += b"tracestate: " + self.state + b"\r\n"
        attempt = Attempt(span, upstream, model, now, line)
        if len(self.attempts) < MOST_ATTEMPTS:
            self.attempts.append(attempt)
        return attempt

    def after(self, number: int) -> Trace:
        """For work that goes on when the call has ended: another span, whose parent is the call's."""
        return Trace(self.id, number, self.span, self.flags, self.state, self.always, self.slow)

    def end(self, exchange: Exchange) -> Traced | None:
        """What is told of the finished ``exchange``; None when nobody keeps it."""
        why = self._why(exchange)
        if not why:
            return None
        attempts, started = self.attempts, exchange.started
        for kind, upstream in exchange.failures or ():
            for attempt in attempts:
                if attempt.upstream == upstream and not attempt.kind:
                    attempt.kind = kind
                    break
        told = [
            (one.span, one.upstream, one.model, one.began - started, one.head - started if one.head else 0.0,
             one.status, one.kind)
            for one in attempts
        ]  # fmt: skip
        call = exchange.call
        return Traced(
            self.id, self.span, self.parent, self.flags, self.state, why, told, call.max_tokens, call.temperature,
            call.method,
        )  # fmt: skip

    def _why(self, exchange: Exchange) -> str:
        if self.flags & 1:
            return "sampled"
        if not self.always:
            return ""
        error = exchange.error
        if exchange.status >= 400 if error is None else error.fault != "caller":
            return "error"
        return "slow" if self.slow and exchange.ended - exchange.started >= self.slow else ""

    def __repr__(self) -> str:
        return f"<Trace {self.id}-{self.span} flags {self.flags:02x}, {len(self.attempts)} attempts>"
