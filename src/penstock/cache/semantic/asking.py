"""Asks the rooms below on a fork, for an answer that no caller waits for: a shadow check, or the judge. Pure but for
what it awaits.

Enters: a fork of the exchange that it is charged to. Leaves: a Whole; None where there was no whole answer in time. The
fork ends here, however it goes. May fail: not at all, but when it is cancelled.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import collect
from penstock.wire.finished import finished, finished_stream
from penstock.wire.replayed import as_whole

log = logging.getLogger("penstock")

Within = Callable[[float], AbstractAsyncContextManager[object]]
"""Raises TimeoutError after so many seconds: ``asyncio.timeout``."""


class Rooms:
    """The rooms below the cache, as the last call saw them."""

    __slots__ = ("below",)

    def __init__(self) -> None:
        self.below: Next | None = None


class Below:
    """See the module. ``note``: told of each fork that has ended, for metrics: it did not pass the rooms above."""

    def __init__(self, now: Callable[[], float], within: Within, note: Callable[[Exchange], None] | None) -> None:
        self._now = now
        self._within = within
        self._note = note

    async def ask(self, fork: Exchange, next: Next, seconds: float, most: int) -> bytes | None:
        """The whole body that answers ``fork.call``; a stream is put together. ``most``: bytes."""
        fork.started = self._now()
        fork.deadline = fork.started + seconds
        outcome = "error"
        try:
            async with self._within(seconds):
                reply = await next(fork)
                fork.status = reply.status
                body = await collect(reply.body, most)
            if fork.first_byte == 0.0:
                fork.first_byte = self._now()
            fork.bytes_out = len(body)
            whole = _whole(fork, body, events=reply.events) if reply.status == 200 else None
            outcome = "ok" if whole is not None else "error"
            return whole
        except (Fail, OverflowError, TimeoutError, OSError) as error:
            log.debug("asking for %s came to nothing: %s", fork.id, error)
            return None
        except Exception:
            log.exception("asking for %s failed", fork.id, extra={"request": fork.id})
            return None
        finally:
            fork.finish(outcome, self._now())
            if self._note is not None:
                self._note(fork)


def _whole(fork: Exchange, body: bytes, *, events: bool) -> bytes | None:
    operation = fork.call.operation.name
    if not events:
        return body if finished(operation, body) is not None else None
    if finished_stream(operation, body) is None:
        return None
    try:
        return as_whole(operation, body)
    except Fail:
        return None
