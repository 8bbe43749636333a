"""What an attempt came to, as its caller, its trial and its upstream's keys are told of it. Pure."""

from __future__ import annotations

from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.routing.attempts import Tried
from penstock.routing.failure import AT_REST, Failure, of_fail
from penstock.routing.seats import ill
from penstock.routing.table import Entry
from penstock.routing.targets import Target
from penstock.routing.trial import Side
from penstock.wire.errors import with_note

MOVED = "moved"
"""How a stream went on whose upstream was to end: that is no rescue from a failure."""


def failed(target: Target, fail: Fail) -> Tried:
    """An attempt that ended so. The frames it came through hold the call and its bytes, in a circle: they go."""
    fail.__traceback__ = fail.__context__ = None
    return Tried(target, None, fail, of_fail(fail))


def note(exchange: Exchange, tried: Tried, failure: Failure, entry: Entry, now: float) -> None:
    """An attempt failed, unless there was none: all keys for it were at rest."""
    if tried.fail is not None and tried.fail.code == AT_REST:
        return
    ill(exchange, failure, now)
    exchange.note_failure(failure.kind.name, tried.target.name)
    if entry.side is not None and failure.kind.fault == "upstream":
        entry.side.failed()


def last(tried: Tried, note: str) -> Reply:
    """What the caller gets of the last attempt, with a note on the fallbacks. Raises what it failed with."""
    fail, reply = tried.fail, tried.reply
    if fail is None:
        assert reply is not None
        if tried.failure is None or tried.failure.kind.name != "auth":
            if note and isinstance(reply.body, bytes):
                reply.body = with_note(reply.body, note)
            return reply
        fail = _key_refused(tried.target)
    fail.message += note
    raise fail


def _key_refused(target: Target) -> UpstreamError:
    """The caller's key was good here: a 401 from behind is about ours, and must not be taken for the caller's."""
    return UpstreamError(
        f"upstream '{target.name}' refused the key that this gateway showed it; 'penstock doctor' says more",
        code="upstream_auth", retryable=False, phase="auth", upstream=target.name,
    )  # fmt: skip


def at_rest(target: Target, wait: float) -> UpstreamError:
    """All keys for what is asked are at rest for ``wait`` seconds: there was no attempt."""
    return UpstreamError(
        f"the keys of upstream '{target.name}' are rate limited",
        status=429, code=AT_REST, retry_after=wait, phase="choose", upstream=target.name,
    )  # fmt: skip


def watch(exchange: Exchange, side: Side) -> None:
    """Measure how the answer that has begun goes on, for the trial that it belongs to."""

    def finished(exchange: Exchange) -> None:
        fault = "" if exchange.error is None else exchange.error.fault
        if any(how != MOVED for how in exchange.rescues or ()) or fault == "upstream":
            side.failed()
        elif exchange.outcome == "ok":
            alone = exchange.attempts == 1
            began, tokens = exchange.first_byte, exchange.tokens_out
            gap = (exchange.ended - began) / (tokens - 1) if exchange.call.stream and tokens > 1 else 0.0
            side.answered(began - exchange.started if alone else 0.0, gap)

    exchange.defer(finished)
