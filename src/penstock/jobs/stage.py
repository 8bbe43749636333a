"""The jobs room: files and batches that are kept here are served here; those of others pass.

Enters: a call with a known caller. Leaves: an answer in the words of the API that was asked, or the call as it came.
May fail: 400, 404, 409 and 429 for what is asked; 507 where the disk is full, 503 where it fails.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar, Final

from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.jobs.answers.service import Answers
from penstock.jobs.store import told

SERVED: Final = frozenset({"files", "file", "batches", "batch", "message_batches", "message_batch"})


class JobsRoom:
    """See the module."""

    needs: ClassVar[frozenset[str]] = frozenset({"caller", "body"})
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        if exchange.call.operation.name not in SERVED:
            return next(exchange)
        return self._serve(exchange, next)

    async def _serve(self, exchange: Exchange, next: Next) -> Reply:
        call = exchange.call
        collection, _, rest = call.operation.path.removeprefix("/messages").lstrip("/").partition("/")
        id, _, verb = rest.partition("/")
        kind = "messages" if call.operation.path.startswith("/messages") else collection
        try:
            reply = await self._answers.answer(exchange, kind, call.method, id, verb)
        except OSError as error:
            raise told(error) from None
        if reply is not None:
            return reply
        return await next(exchange)

    def __repr__(self) -> str:
        return f"<JobsRoom {self._answers!r}>"
