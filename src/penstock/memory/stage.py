"""The memory room: reserves the bytes of a body before it is read, reads it, and peeks the fields that policy needs.

Enters: an exchange with a head and a known caller. Leaves: the same with ``call.body`` and the peeked fields.
Fails with 503 and ``Retry-After`` when the account is full, 413, 408 or 400 for the body itself.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import ClassVar, Final

from penstock.core.errors import GatewayError
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.memory.ledger import BoundedAccount
from penstock.net.request_body import too_large
from penstock.wire.json import Remembered, fill, tell
from penstock.wire.multipart import model_field
from penstock.wire.query import asked_model

MOST_REMEMBERED_BYTES: Final = 8 * 1024
"""Of a body that is looked up among those that came before: to hash a larger one costs others too much."""
PASSING_BYTES: Final = 512 * 1024
"""Of a body that is handed on unread: what may be here of it, taken in early or waiting for the upstream."""


class Memory:
    """See the module. ``known``: bodies that came before, kept by whoever has a use for them."""

    needs: ClassVar[frozenset[str]] = frozenset({"head", "caller"})
    gives: ClassVar[frozenset[str]] = frozenset({"body", "peek"})

    def __init__(
        self,
        bodies: BoundedAccount,
        *,
        max_body: int,
        retry_after: float,
        known: Mapping[bytes, Remembered] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._known = {} if known is None else known
        self._bodies = bodies
        self._max_body = max_body
        self._retry_after = retry_after
        self._ended = self._release  # bound once

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        call = exchange.call
        kind = call.operation.body
        if kind == "json":
            whole = exchange.body.complete
            if whole is None:
                return self._read_first(exchange, next)
            if len(whole) > self._max_body:
                raise too_large(self._max_body)
            size = len(whole)
            if not self._bodies.reserve(size):
                raise self._full()
            exchange.held = exchange.bytes_in = size
            exchange.defer(self._ended)
            known = self._known.get(whole) if self._known and size <= MOST_REMEMBERED_BYTES else None
            if known is not None and known.operation is call.operation:
                tell(call, whole, known.seen)
                call.remembered = known
            else:
                fill(call, whole)
        elif kind == "opaque":
            length = exchange.body.length
            size = PASSING_BYTES if length is None or length > PASSING_BYTES else length
            if size:
                if not self._bodies.reserve(size):
                    raise self._full()
                exchange.held = size
                exchange.defer(self._ended)
            call.model = model_field(exchange.body.early)
        elif call.operation.needs_model:
            call.model = asked_model(call.query)
        return next(exchange)

    async def _read_first(self, exchange: Exchange, next: Next) -> Reply:
        """A body still on its way: reserved by its announced length, or chunk by chunk when it has none."""
        length, began = exchange.body.length, self._now()
        try:
            if length is None:
                whole = await exchange.body.read(self._max_body, partial(self._take, exchange))
            else:
                if length <= self._max_body and not self._take(exchange, length):
                    raise self._full()
                whole = await exchange.body.read(self._max_body)
        finally:
            exchange.note_wait("body", self._now() - began)
        fill(exchange.call, whole)
        return await next(exchange)

    def _full(self) -> GatewayError:
        return GatewayError(
            f"the gateway holds as many bytes of requests as it may ({self._bodies.bound}); try again shortly",
            code="gateway_overloaded",
            retry_after=self._retry_after,
        )

    def _take(self, exchange: Exchange, size: int) -> bool:
        if not self._bodies.reserve(size):
            return False
        if not exchange.held:
            exchange.defer(self._ended)
        exchange.held += size
        exchange.bytes_in += size
        return True

    def _release(self, exchange: Exchange) -> None:
        self._bodies.release(exchange.held)
        exchange.held = 0
