"""Calls that begin alike: the first is sent, the others wait until what they share was computed. Pure.

Enters: calls with long prompts. Leaves: each sent on, the held ones to where the first went. The leader's failure or
leaving makes the next one lead; a second failure lets all go. Nobody is held while nothing is being computed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.core.ports import Next
from penstock.core.priority import HIGH
from penstock.core.reply import Reply
from penstock.grouping.beginning import common, key, prompt_at
from penstock.grouping.config import GroupingConfig
from penstock.grouping.counts import Counts
from penstock.grouping.known import Known
from penstock.grouping.pace import LATER, Pace
from penstock.grouping.waiting import GO, LEAD, Group, Member, held, patience, words

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle

MOST_FAILURES = 1
"""Leaders that fail before all are let go."""


class ByPrefix:
    """See the module. ``slotted(upstream)``: it keeps a prompt in the slot of its call, until that ends. ``tells``: the
    upstreams whose usage names cached tokens, so that none means none."""

    def __init__(
        self,
        config: GroupingConfig,
        counts: Counts,
        now: Callable[[], float],
        name: Callable[[], str],
        slotted: Callable[[str], bool],
        pace: Pace,
        loop: Callable[[], AbstractEventLoop],
    ) -> None:
        self._loop = loop
        self._config = config
        self._counts = counts
        self._now = now
        self._name = name
        self._slotted = slotted
        self._pace = pace
        self._known = Known(config.remember, config.groups)
        self._tells: set[str] = set()
        self._timer: dict[Group, TimerHandle] = {}
        self.groups: dict[Any, Group] = {}

    async def __call__(self, exchange: Exchange, next: Next) -> Reply:
        """Send it when it should be."""
        config, counts, now = self._config, self._counts, self._now()
        start = prompt_at(exchange.call)
        mark = key(exchange.call, exchange.scope, start, config.min_prefix)
        if mark is None:
            return await next(exchange)
        group = self.groups.get(mark)
        if group is None:
            near = self._known.where(mark, now)
            if near:
                exchange.defer(partial(self._weigh, mark, near))
                if not self._at_end(near):
                    return await next(exchange)
            if len(self.groups) >= config.groups:
                counts.alone["groups"] += 1
                return await next(exchange)
            group = self.groups[mark] = Group(self._name(), mark, now)
            counts.groups += 1
            group.near = near
            group.size = 1
            return await self._lead(group, exchange, next)
        shared = self._shared(group, exchange, start)
        if shared < config.min_prefix:  # one hash, two beginnings
            return await next(exchange)
        wait, reason = self._may_wait(group, exchange, shared, now)
        if reason:
            counts.alone[reason] += 1
            return await next(exchange)
        if await self._hold(group, exchange, shared, wait, now) == LEAD:
            return await self._lead(group, exchange, next)
        return await next(exchange)

    # ---- who waits

    def _shared(self, group: Group, exchange: Exchange, start: int) -> int:
        leader = group.leader
        if leader is None:
            return self._config.min_prefix
        body = leader.call.body
        return common(body, max(0, prompt_at(leader.call)), exchange.call.body, start)

    def _may_wait(self, group: Group, exchange: Exchange, shared: int, now: float) -> tuple[float, str]:
        """For how long, or why not."""
        config = self._config
        if exchange.priority == HIGH:
            return 0.0, "priority"
        if self._counts.waiting >= config.waiting:
            return 0.0, "waiting"
        if group.size >= config.max_size:
            return 0.0, "size"
        upstream = group.upstream or group.near
        if self._at_end(upstream) and not self._pace.pays(upstream, shared, 1 + len(group.members)):
            return 0.0, "dear"
        own = self._pace.computing(upstream, len(exchange.call.body))
        wait = patience(exchange.deadline - now, own, config.max_wait)
        return wait, "" if wait else "deadline"

    async def _hold(self, group: Group, exchange: Exchange, shared: int, wait: float, now: float) -> str:
        loop = self._loop()
        member = Member(exchange, Promise(loop), now, self._counts.held, shared)
        late = loop.call_later(wait, self._let_go, group, member)

        def out(verdict: str) -> None:
            group.leave(member)
            if not verdict:
                self._pass_on(group, exchange, failed=False)

        return await held(group, member, self._counts, late, self._now, lambda: shared, out)

    def _let_go(self, group: Group, member: Member) -> None:
        """It has waited long enough."""
        self._counts.alone["max_wait"] += 1
        group.leave(member)
        member.promise.set_result(GO)

    # ---- who leads

    async def _lead(self, group: Group, exchange: Exchange, next: Next) -> Reply:
        loop = self._loop()
        group.leader = exchange
        group.sent = self._now()
        self._counts.led += 1
        known = group.upstream or group.near
        if known:
            exchange.near = known
        exchange.defer(partial(self._ended, group, known))
        if not exchange.call.stream:
            self._expect(group, exchange, loop)
        try:
            reply = await next(exchange)
        except BaseException as error:
            self._pass_on(group, exchange, failed=isinstance(error, Exception))  # not when its caller has left
            raise
        if reply.status >= 400:
            self._pass_on(group, exchange, failed=True)
        else:
            self._computed(group, exchange, loop, known)
        return reply

    def _expect(self, group: Group, exchange: Exchange, loop: AbstractEventLoop) -> None:
        """A whole answer does not show when its prompt was computed: by what was learned from streams it is guessed."""
        upstream, size = group.upstream or group.near, len(exchange.call.body)
        seconds = LATER * (self._pace.computing(upstream, size) if upstream else self._pace.slowest(size))
        if seconds:
            self._timer[group] = loop.call_later(seconds, self._guessed, group, exchange)

    def _guessed(self, group: Group, exchange: Exchange) -> None:
        if group.leader is exchange and exchange.upstream and not self._at_end(exchange.upstream):
            self._release(group, exchange)

    def _at_end(self, upstream: str) -> bool:
        release = self._config.release
        return self._slotted(upstream) if release == "auto" else release == "end"

    def _computed(self, group: Group, exchange: Exchange, loop: AbstractEventLoop, known: str) -> None:
        """The leader's answer begins: what it shares with the others has been computed."""
        if group.leader is not exchange:
            return
        upstream = group.upstream = exchange.upstream
        if exchange.call.stream and not known:
            self._pace.computed(upstream, len(exchange.call.body), self._now() - group.sent)
        if group.members and not exchange.batch:
            exchange.batch = words(group, 0.0, group.shared)
        self._known.put(group.key, upstream, self._now())
        if not self._at_end(upstream):
            self._close(group)  # now: a whole answer may end before the others go, and must not make one of them lead
            loop.call_soon(self._send_all, group, upstream)  # first its own caller

    def _release(self, group: Group, exchange: Exchange) -> None:
        """All others may go, to where the leader went."""
        if group.leader is not exchange:
            return
        upstream = exchange.upstream
        self._known.put(group.key, upstream, self._now())
        self._close(group)
        self._send_all(group, upstream)

    def _send_all(self, group: Group, upstream: str) -> None:
        while (member := group.next()) is not None:
            self._send(member, upstream)

    def _send(self, member: Member, upstream: str, verdict: str = GO) -> None:
        if upstream:
            member.exchange.near = upstream
            self._counts.released += 1
            self._counts.shared_bytes += member.shared
        member.promise.set_result(verdict)

    def _pass_on(self, group: Group, exchange: Exchange, *, failed: bool) -> None:
        """The leader is gone: the next one leads, unless leading has failed too often."""
        if group.leader is not exchange:
            return
        self._stop_timer(group)
        group.failures += failed
        if group.failures > MOST_FAILURES:
            self._close(group)
            while (member := group.next()) is not None:
                self._counts.alone["failed"] += 1
                member.promise.set_result(GO)
            return
        following = group.next()
        if following is None:
            self._close(group)
            return
        group.leader = following.exchange
        self._send(following, "" if failed else group.upstream, LEAD)

    def _ended(self, group: Group, known: str, exchange: Exchange) -> None:
        """The leader's call is over; where a prompt stays in its slot, the next one gets that now."""
        if group.leader is exchange:
            if known and exchange.outcome == "ok" and exchange.upstream == known:
                self._pace.took(known, self._now() - group.sent)
            self._pass_on(group, exchange, failed=False)

    def _close(self, group: Group) -> None:
        """Who comes from now on does not belong to it."""
        group.leader = None
        self._stop_timer(group)
        if self.groups.get(group.key) is group:
            del self.groups[group.key]
            self._counts.groups -= 1

    def _stop_timer(self, group: Group) -> None:
        timer = self._timer.pop(group, None)
        if timer is not None:
            timer.cancel()

    def _weigh(self, mark: int, near: str, exchange: Exchange) -> None:
        """A call whose beginning should have been there has ended: was it?"""
        if exchange.tokens_cached:
            if len(self._tells) < self._config.groups:
                self._tells.add(exchange.upstream)
        elif exchange.outcome == "ok" and exchange.tokens_in and exchange.upstream == near and near in self._tells:
            self._counts.forgotten += self._known.forget(mark)

    def __repr__(self) -> str:
        return f"<ByPrefix {len(self.groups)} groups, {self._known!r}>"
