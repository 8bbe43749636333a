"""The resume room: a stream whose caller wants it kept runs on a fork, and the caller is its first reader.

Enters: an exchange. Leaves: the same reply, its events numbered and ``x-penstock-stream`` naming it. A stream that
cannot be kept (too many are) flows without that field. Fails as the rooms below do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import ClassVar, Final

from penstock.core.call import Call
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.resume.streams import Streams, tell

STREAM_FIELD: Final = b"x-penstock-stream"


class Resume:
    """See the module."""

    needs: ClassVar[frozenset[str]] = frozenset({"caller", "peek"})
    gives: ClassVar[frozenset[str]] = frozenset({"stream"})

    def __init__(self, streams: Streams, *, always: bool) -> None:
        self._streams = streams
        self._always = always

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        call = exchange.call
        if not call.stream:
            return next(exchange)
        wanted = call.memo.get(self)
        if wanted is None:
            wanted = call.memo[self] = self._wants(call)
        return self._keep(exchange, next) if wanted else next(exchange)

    def _wants(self, call: Call) -> bool:
        """Raises CallerError for a value that is neither yes nor no."""
        value = call.header(b"x-penstock-resume")
        if value is None:
            return self._always
        if value.lower() not in (b"true", b"false"):
            raise CallerError("x-penstock-resume must be true or false", code="bad_header", param="x-penstock-resume")
        return value.lower() == b"true"

    async def _keep(self, exchange: Exchange, next: Next) -> Reply:
        child = exchange.fork("kept")
        # It goes on as this call, which may have waited.
        child.queued, child.place, child.waits = exchange.queued, exchange.place, exchange.waits
        try:
            reply = await next(child)
        except BaseException as error:
            left = isinstance(error, asyncio.CancelledError)
            if left:
                child.error = exchange.overdue
            child.finish("left" if left and child.error is None else "error", self._streams.now())
            tell(exchange, child)
            raise
        tell(exchange, child)
        if isinstance(reply.body, bytes) or not reply.events:
            exchange.defer(lambda parent: _end_with(parent, child))
            return reply
        kept = self._streams.open(exchange, child)
        if kept is None:  # too many are kept: it flows, and ends with its caller
            exchange.defer(lambda parent: _end_with(parent, child))
            return reply
        child.status = reply.status
        reply.through(kept.begin)
        reply.headers = [*reply.headers, (STREAM_FIELD, kept.id.encode())]
        return reply

    def __repr__(self) -> str:
        return f"<Resume {self._streams!r}>"


def _end_with(parent: Exchange, child: Exchange) -> None:
    """A fork that came to nothing of its own."""
    child.finish(parent.outcome or "ok", parent.ended)
    parent.tokens_in, parent.tokens_out = child.tokens_in, child.tokens_out
    parent.tokens_cached, parent.tokens_reasoning = child.tokens_cached, child.tokens_reasoning
    parent.cost, parent.saved, parent.money = child.cost, child.saved, child.money
