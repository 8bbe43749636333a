"""Calls about the like, where more of a model run than it has slots: they wait for a place together. Pure.

Enters: chats. Leaves: each sent on; when a place is free, the group of the highest priority, the eldest of equals, goes
whole, its members in order of priority, to where the first of them went. An embedder that gives no vector leaves a call
in a group of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.core.ports import Next
from penstock.core.priority import HIGH
from penstock.core.reply import Reply
from penstock.grouping.beginning import PROMPT_OF, common, prompt_at
from penstock.grouping.config import GroupingConfig
from penstock.grouping.counts import Counts
from penstock.grouping.likeness import best
from penstock.grouping.waiting import GO, Group, Member, held, patience
from penstock.wire.prompts import last_user_text

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

MOST_CHARACTERS = 512
"""Of a text that is compared."""


class Embedder(Protocol):
    """A text's unit vector; None where there is none."""

    async def embed(self, text: str) -> Any: ...


class Line:
    """The calls of one model: how many run, and the groups that wait, the eldest first."""

    __slots__ = ("groups", "running")

    def __init__(self) -> None:
        self.running = 0
        self.groups: list[Group] = []


class ByLikeness:
    """See the module."""

    def __init__(
        self,
        config: GroupingConfig,
        counts: Counts,
        now: Callable[[], float],
        name: Callable[[], str],
        embedder: Embedder,
        loop: Callable[[], AbstractEventLoop],
    ) -> None:
        self._loop = loop
        self._config = config
        self._counts = counts
        self._now = now
        self._name = name
        self._embedder = embedder
        self.lines: dict[str, Line] = {}

    @property
    def groups(self) -> dict[Any, Group]:
        """All that wait."""
        return {group.id: group for line in self.lines.values() for group in line.groups}

    async def __call__(self, exchange: Exchange, next: Next) -> Reply:
        """Send it when there is a place."""
        model = exchange.call.model
        if exchange.call.operation.name not in PROMPT_OF:
            return await next(exchange)
        line = self.lines.get(model)
        if line is None:
            line = self.lines[model] = Line()
        wait, reason = 0.0, ""
        if line.running >= self._config.slots:
            wait, reason = self._may_wait(exchange)
            if reason:
                self._counts.alone[reason] += 1
        if wait:
            vector = await self._vector(exchange)
            if line.running >= self._config.slots:
                await self._hold(line, exchange, vector, wait)
                return await next(exchange)
        self._take(model, line, exchange)
        return await next(exchange)

    def _may_wait(self, exchange: Exchange) -> tuple[float, str]:
        if exchange.priority == HIGH:
            return 0.0, "priority"
        if self._counts.waiting >= self._config.waiting:
            return 0.0, "waiting"
        if self._counts.groups >= self._config.groups:
            return 0.0, "groups"
        wait = patience(exchange.deadline - self._now(), 0.0, self._config.max_wait)
        return wait, "" if wait else "deadline"

    async def _vector(self, exchange: Exchange) -> Any:
        call = exchange.call
        text = last_user_text(call.body, call.operation.name, MOST_CHARACTERS)
        return await self._embedder.embed(text) if text else None

    async def _hold(self, line: Line, exchange: Exchange, vector: Any, wait: float) -> None:
        config, counts, now = self._config, self._counts, self._now()
        group = None
        if vector is not None:
            group = best(
                line.groups, vector, exchange.priority, exchange.scope,
                threshold=config.threshold, now=now, most=config.max_wait, size=config.max_size,
            )  # fmt: skip
        if group is None:
            group = Group(self._name(), exchange.scope, now)
            line.groups.append(group)
            counts.groups += 1
        loop = self._loop()
        member = Member(exchange, Promise(loop), now, counts.held, self._shared(group, exchange), vector)
        late = loop.call_later(wait, self._let_go, line, group, member)

        def out(_: str) -> None:
            self._out(line, group, member)

        await held(group, member, counts, late, self._now, lambda: group.shared, out)

    def _shared(self, group: Group, exchange: Exchange) -> int:
        """Bytes of its prompt that it has in common with the group's first."""
        if not group.members:
            return 0
        other = group.members[0].exchange.call
        return common(other.body, max(0, prompt_at(other)), exchange.call.body, max(0, prompt_at(exchange.call)))

    def _take(self, model: str, line: Line, exchange: Exchange) -> None:
        line.running += 1
        exchange.defer(partial(self._freed, model, line))

    def _out(self, line: Line, group: Group, member: Member) -> None:
        group.leave(member)
        if not group.members and group in line.groups:
            line.groups.remove(group)
            self._counts.groups -= 1

    def _let_go(self, line: Line, group: Group, member: Member) -> None:
        """It has waited long enough, and runs beyond the slots."""
        self._counts.alone["max_wait"] += 1
        self._out(line, group, member)
        self._take(member.exchange.call.model, line, member.exchange)
        member.promise.set_result(GO)

    def _freed(self, model: str, line: Line, exchange: Exchange) -> None:
        """A call has ended: the next group goes, whole, since it is one place's worth of work."""
        line.running -= 1
        while line.running < self._config.slots and line.groups:
            group = min(line.groups, key=lambda one: (min(member.rank for member in one.members)[0], one.since))
            self._send(model, line, group)
        if not line.running and not line.groups and self.lines.get(model) is line:
            del self.lines[model]

    def _send(self, model: str, line: Line, group: Group) -> None:
        line.groups.remove(group)
        self._counts.groups -= 1
        while (member := group.next()) is not None:
            self._take(model, line, member.exchange)
            if group.upstream:
                member.exchange.near = group.upstream
                self._counts.shared_bytes += member.shared
            self._counts.released += 1
            member.promise.set_result(GO)
            group.upstream = group.upstream or member.exchange.upstream  # it has run as far as it could

    def __repr__(self) -> str:
        return f"<ByLikeness {len(self.lines)} models, {self._counts!r}>"
