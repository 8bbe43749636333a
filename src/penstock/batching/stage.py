"""The batching room: calls of several callers that an upstream takes as one list go to it as one call.

Enters: an exchange. Leaves: the caller's own part of the answer, as if it had asked alone. A call that is no list, has
nobody to go with or finds a bound reached passes as it is. Fails as the rooms below do; UpstreamError where an upstream
answers something else than was asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from penstock.batching.around import Around
from penstock.batching.batch import MOST_ANSWER_BYTES
from penstock.batching.compatibility import Compatibility
from penstock.batching.config import BatchingConfig
from penstock.batching.costs import AllCosts
from penstock.batching.counts import Counts
from penstock.batching.member import Member
from penstock.batching.terms import AllTerms, Terms
from penstock.batching.windows import Window
from penstock.core.exchange import Exchange
from penstock.core.overload import Overload
from penstock.core.ports import Account, Next
from penstock.core.reply import Reply, collect
from penstock.wire.merged_answer import check
from penstock.wire.merged_call import LIST_OF, Part, part_of

MOST_WINDOWS = 4096
"""Shapes of calls at a time; beyond it calls go alone."""


class Batching:
    """See the module. A reload makes another one, whose calls do not meet those of the old."""

    needs: ClassVar[frozenset[str]] = frozenset({"caller", "peek", "body"})
    gives: ClassVar[frozenset[str]] = frozenset({"batch"})

    def __init__(
        self,
        config: BatchingConfig,
        account: Account,
        counts: Counts,
        costs: AllCosts,
        overload: Overload,
        now: Callable[[], float],
    ) -> None:
        self._terms = AllTerms(config)
        self._key = Compatibility(config.scope).key
        self._account = account
        self._counts = counts
        self._costs = costs
        self._overload = overload
        self._now = now
        self._windows: dict[bytes, Window] = {}
        self._around: Around | None = None

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        call = exchange.call
        operation = call.operation.name
        if operation not in LIST_OF or call.stream:
            return next(exchange)
        terms = self._terms.of(operation, call.model)
        if not terms.enabled:
            return next(exchange)
        if len(call.body) > terms.max_bytes:
            self._counts.alone[operation, "large"] += 1
            return next(exchange)
        part = part_of(call)
        if part is None:
            return next(exchange)
        if len(part.items) >= terms.max_items or part.tokens >= terms.max_tokens:
            self._counts.alone[operation, "large"] += 1
            return next(exchange)
        return self._meet(exchange, next, terms, part)

    def _meet(self, exchange: Exchange, next: Next, terms: Terms, part: Part) -> Awaitable[Reply]:
        """Where calls of its shape wait, or on alone."""
        costs = self._costs.of(part.operation, exchange.call.model)
        if costs.unfit_until > self._now():
            self._counts.alone[part.operation, "unfit"] += 1
            return next(exchange)
        key = self._key(exchange, part)
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= MOST_WINDOWS and not self._make_room():
                self._counts.alone[part.operation, "windows"] += 1
                return next(exchange)
            window = self._windows[key] = Window(self._around or self._surroundings(next), terms, costs)
        member = window.take(exchange, part)
        if member is None:
            return self._alone(exchange, next, window, part)
        return self._together(member, next, window)

    async def _together(self, member: Member, next: Next, window: Window) -> Reply:
        reply = await member.answer
        if reply is not None:
            return reply
        reply = await self._alone(member.exchange, next, window, member.part)
        if member.suspected and reply.status >= 400:
            self._counts.rejected += 1
        if member.checked and reply.status == 200:
            reply.through(lambda source: source)
            reply.body = await collect(reply.body, MOST_ANSWER_BYTES)
            check(reply.body, member.part)
        return reply

    async def _alone(self, exchange: Exchange, next: Next, window: Window, part: Part) -> Reply:
        """By itself; how long it takes is learned from it as from others."""
        costs = window.costs
        sent = costs.send(self._now(), len(part.items))
        window.flying += 1
        well = False
        try:
            reply = await next(exchange)
            well = reply.status == 200
            return reply
        finally:
            window.flying -= 1
            costs.end(sent, self._now(), well=well)

    def _make_room(self) -> bool:
        """Forget the shapes of which there are no calls now."""
        for key in [key for key, window in self._windows.items() if window.idle]:
            del self._windows[key]
        return len(self._windows) < MOST_WINDOWS

    def _surroundings(self, next: Next) -> Around:
        loop = asyncio.get_running_loop()
        self._around = Around(loop, self._now, self._account, self._counts, self._overload, next)
        return self._around

    def __repr__(self) -> str:
        return f"<Batching {len(self._windows)} windows, {self._counts!r}>"
