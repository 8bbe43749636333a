"""Calls that go together: gathered while they wait, sent as one, and dealt back to each. Pure.

Enters: members, until it is sent. Leaves: to each its own answer, or a word to go alone. A merged call that fails for
its items is asked again in halves, down to one caller, who then asks for itself and hears the upstream's own words. Who
leaves is left out; if all leave, the call is cancelled.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from penstock.batching.around import Around
from penstock.batching.costs import Costs, Sent
from penstock.batching.member import Member
from penstock.batching.shares import bear, charge, show
from penstock.batching.split import halves, is_for_items, of_answer, of_fail, splits
from penstock.core.call import Call
from penstock.core.errors import Fail, GatewayError, defect
from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber
from penstock.core.reply import Reply, collect
from penstock.wire.merged_answer import MISMATCHED, Dealt, deal, mismatched
from penstock.wire.merged_call import merged_body

if TYPE_CHECKING:
    from penstock.batching.windows import Window

log = logging.getLogger("penstock")

MOST_ANSWER_BYTES = 256 * 1024 * 1024
_NOT_ONES_OWN = frozenset((b"content-digest", b"content-md5", b"digest", b"etag", b"last-modified", b"repr-digest"))


class Batch:
    """See the module. ``items``, ``tokens``, ``size`` are of the members that are in it; ``sent``: it has left."""

    __slots__ = (
        "_around", "_costs", "_fiber", "_flight", "_held", "_left_at", "_window", "id", "items", "members", "sent",
        "since", "size", "tokens",
    )  # fmt: skip

    def __init__(self, window: Window, around: Around, costs: Costs, since: float) -> None:
        self._window = window
        self._around = around
        self._costs = costs
        around.counts.made += 1
        self.id = f"b{around.counts.made:x}"
        self.members: list[Member] = []
        self.items = self.tokens = self.size = 0
        self.since = since
        self.sent = False
        self._left_at = 0.0
        self._held = 0
        self._fiber: Fiber | None = None
        self._flight: tuple[Exchange, Sent] | None = None

    # ---- who is in it

    def add(self, member: Member) -> None:
        """One more."""
        part = member.part
        self.members.append(member)
        self.items += len(part.items)
        self.tokens += part.tokens
        self.size += part.size
        member.batch = self

    def leave(self, member: Member) -> None:
        """One is gone: out of what has not left, and forgotten in what has."""
        self._release(member)
        if member not in self.members:
            return  # it is over here: the answers are just being given
        self.members.remove(member)
        part = member.part
        self.items -= len(part.items)
        self.tokens -= part.tokens
        self.size -= part.size
        if not self.sent:
            self._window.thinned()
        elif self._flight is not None:
            self._window.flying -= 1
            if not self.members:
                fiber, self._fiber = self._fiber, None
                merged = self._flight[0]
                late = member.exchange.overdue
                self._count("left")
                self._end("left" if late is None else "error", late)
                charge([(member.exchange, 1)], merged)
                if fiber is not None:
                    fiber.cancel("nobody waits")

    def _release(self, member: Member) -> None:
        held, member.held = member.held, 0
        if held:
            self._around.account.release(held)

    def _dismiss(self, member: Member) -> None:
        """The member is over here."""
        member.batch = None
        self._release(member)

    # ---- on its way

    def send(self) -> None:
        """Leave. One caller alone goes by itself; those whose deadlines are near stand first."""
        self.sent = True
        now = self._left_at = self._around.now()
        members = self.members
        if len(members) == 1:
            self._alone(members)
            return
        if not members:
            return
        members.sort(key=lambda member: member.exchange.deadline)
        around = self._around
        self._held = self.size
        if not around.account.reserve(self._held):
            self._held = 0
            around.counts.alone[members[0].part.operation, "memory"] += len(members)
            self._alone(list(members))
            return
        lead = members[0].exchange
        merged = lead.fork("batch")
        merged.near = lead.near
        merged.callers = len(members)
        merged.call = _call_of(lead.call, merged_body([member.part for member in members]))
        for member in members[1:]:
            merged.also_for(member.exchange)
        around.counts.left(self.items, len(members))
        self._flight = merged, self._costs.send(now, self.items)
        self._window.flying += len(members)
        fiber = self._fiber = Fiber(around.loop, self._run(merged, list(members)))
        fiber.step()

    async def _run(self, merged: Exchange, asked: list[Member]) -> None:
        """Ask, and see what it comes to. ``asked``: all who are in the call, whoever leaves meanwhile."""
        try:
            reply = await self._around.next(merged)
            if reply.taps:
                reply.through(lambda source: source)
            body = await collect(reply.body, MOST_ANSWER_BYTES)
            if self._flight is None:
                return  # all have left, and the rooms below did not hear of it
            merged.status = reply.status
            if reply.status == 200:
                self._deal(merged, asked, reply, body)
            elif reply.status < 400:
                raise mismatched(f"status {reply.status}")
            elif is_for_items(reply.status):
                self._split(merged)
            else:
                self._fail(merged, of_answer(reply.status, reply.headers, merged.upstream, len(asked)))
        except Fail as fail:
            fail.__traceback__ = fail.__context__ = None  # their frames hold the calls and their bytes
            if fail.code == MISMATCHED:
                self._misfit(merged, fail)
            elif splits(fail):
                self._split(merged)
            else:
                self._fail(merged, fail)
        except OverflowError:
            self._fail(merged, _too_much())
        except Exception:
            log.exception("a room failed on %s", merged.id, extra={"request": merged.id})
            self._fail(merged, defect())

    def _end(self, outcome: str, error: Fail | None) -> list[Member]:
        """The merged call is over. Gives those who are still here."""
        flight, self._flight = self._flight, None
        self._fiber = None
        if flight is None:
            return []
        merged, sent = flight
        members, self.members = self.members, []
        self._window.flying -= len(members)
        merged.error = error
        around = self._around
        now = around.now()
        merged.finish(outcome, now)
        around.account.release(self._held)
        bear([member.exchange for member in members], merged)
        charge([(member.exchange, member.part.tokens) for member in members], merged)
        for member in members:
            exchange = member.exchange
            show(exchange, merged)
            exchange.waited += now - sent.at
            if not exchange.batch:  # else it was told already, before a split
                exchange.note_wait("batching", sent.at - member.came)
                around.counts.waited(sent.at - member.came)
            exchange.batch = f"{self.id}; size={sent.items}; wait={exchange.queued * 1000:.1f}ms"
        self._costs.end(sent, now, well=outcome == "ok")
        return members

    def _count(self, outcome: str) -> None:
        flight = self._flight
        if flight is not None:
            self._around.counts.batches[flight[0].call.operation.name, outcome] += 1

    # ---- what it comes to

    def _deal(self, merged: Exchange, asked: list[Member], reply: Reply, body: bytes) -> None:
        account = self._around.account
        if not account.reserve(len(body)):
            self._fail(merged, _too_much())
            return
        try:
            dealt = dict(zip(asked, deal(body, [member.part for member in asked]), strict=True))
        finally:
            account.release(len(body))
        self._count("ok")
        headers = [field for field in reply.headers if field[0] not in _NOT_ONES_OWN]
        members = self._end("ok", None)
        self._around.counts.spared += len(members) - 1
        for member in members:
            self._give(member, dealt[member], Reply(200, headers, dealt[member].body))

    def _give(self, member: Member, dealt: Dealt, reply: Reply) -> None:
        exchange, usage = member.exchange, dealt.usage
        if usage is not None:
            exchange.tokens_in, exchange.tokens_out = usage.prompt_tokens, usage.completion_tokens
            exchange.tokens_cached, exchange.tokens_reasoning = usage.cached_tokens, usage.reasoning_tokens
        self._dismiss(member)
        member.answer.set_result(reply)

    def _fail(self, merged: Exchange, fail: Fail) -> None:
        """All are told the same."""
        self._count("failed")
        for member in self._end("error", fail):
            self._dismiss(member)
            member.answer.set_exception(of_fail(fail))

    def _misfit(self, merged: Exchange, fail: Fail) -> None:
        """The upstream takes such a call for something else: each asks alone once, and nobody merges for a while."""
        self._count("mismatched")
        costs, now = self._costs, self._around.now()
        if costs.unfit_until <= now:
            log.warning("%s of model '%s' go alone for a while: %s", merged.call.operation.name, merged.model, fail)
        costs.misfit(now)
        members = self._end("error", fail)
        for member in members:
            member.checked = True
        self._alone(members)

    def _split(self, merged: Exchange) -> None:
        """It failed for its items, or for their number: each half is asked for itself."""
        self._count("split")
        self._around.counts.splits += 1
        for half in halves(self._end("error", None)):
            if half:
                batch = Batch(self._window, self._around, self._costs, self.since)
                for member in half:
                    member.suspected = True
                    batch.add(member)
                batch.send()

    def _alone(self, members: list[Member]) -> None:
        """Each has to ask for itself."""
        self.members = []
        for member in list(members):
            exchange, wait = member.exchange, self._left_at - member.came
            if not exchange.batch:  # else it was told already
                exchange.note_wait("batching", wait)
                self._around.counts.waited(wait)
            exchange.batch = f"{self.id}; size={len(member.part.items)}; wait={exchange.queued * 1000:.1f}ms"
            self._dismiss(member)
            member.answer.set_result(None)

    def __repr__(self) -> str:
        return (
            f"<Batch {self.id} of {len(self.members)} callers, {self.items} items, {'sent' if self.sent else 'open'}>"
        )


def _call_of(call: Call, body: bytes) -> Call:
    """The same call with another body. What rooms derived from its head holds for it, too."""
    made = Call(call.operation, call.method, call.path, call.query, call.headers, call.client, call.memo)
    made.body = body
    made.model = call.model
    made.max_tokens = call.max_tokens
    made.session = call.session
    made.temperature = call.temperature
    return made


def _too_much() -> GatewayError:
    return GatewayError(
        "the answer to a call of several callers together is larger than the gateway may hold (batching.total)",
        code="gateway_overloaded", retry_after=1,
    )  # fmt: skip
