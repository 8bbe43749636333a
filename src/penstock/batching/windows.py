"""Where calls that may go together meet: at most one batch of them waits to leave.

Enters: calls of one shape, the ends of others. Leaves: batches, each when it is full, or when ``scheduling`` says so.
A call with nobody to wait for is not held for a moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.batching.around import Around
from penstock.batching.batch import Batch
from penstock.batching.costs import Costs
from penstock.batching.crowd import Crowd
from penstock.batching.member import Member
from penstock.batching.scheduling import Waiting, leaves_at
from penstock.batching.terms import Terms
from penstock.core.exchange import Exchange
from penstock.wire.merged_call import Part

if TYPE_CHECKING:
    from asyncio import TimerHandle


class Window:
    """See the module. ``open``: the batch that waits; ``flying``: callers who left and wait for their answers.
    ``_last``: when a call came, or one ended, whose caller may come anew."""

    __slots__ = ("_around", "_due", "_last", "_timer", "costs", "crowd", "flying", "open", "terms")

    def __init__(self, around: Around, terms: Terms, costs: Costs) -> None:
        self._around = around
        self.terms = terms
        self.costs = costs
        self.crowd = Crowd()
        self.open: Batch | None = None
        self.flying = 0
        self._last = 0.0
        self._due = 0.0
        self._timer: TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody waits here, for whatever."""
        return self.open is None and not self.flying

    def take(self, exchange: Exchange, part: Part) -> Member | None:
        """Let a call wait for others; None for one that goes at once, alone."""
        around = self._around
        now = around.now()
        batch = self.open
        self.crowd.came(now, self.flying + (len(batch.members) if batch is not None else 0))
        if batch is not None and not self._has_room(batch, part):
            self._go(batch)
            batch = None
        if batch is None:
            alone = Waiting(1, self.flying, len(part.items), now, now, exchange.deadline, exchange.priority)
            if leaves_at(alone, self.terms, self.costs, self.crowd, around.overload.load, now) <= now:
                around.counts.alone[part.operation, "free"] += 1
                return None
        if not around.account.reserve(part.size):
            around.counts.alone[part.operation, "memory"] += 1
            return None
        if batch is None:
            batch = self.open = Batch(self, around, self.costs, now)
            self.costs.waiting[self.freed] = None
        member = Member(exchange, part, around.loop, now)
        member.held = part.size
        batch.add(member)
        around.counts.waiting += 1
        self._last = now
        exchange.defer(member.left)
        if self._is_full(batch):
            self._go(batch)
        else:
            self.look()
        return member

    def _has_room(self, batch: Batch, part: Part) -> bool:
        terms = self.terms
        return (
            batch.items + len(part.items) <= terms.max_items
            and batch.tokens + part.tokens <= terms.max_tokens
            and batch.size + part.size <= terms.max_bytes
        )

    def _is_full(self, batch: Batch) -> bool:
        terms = self.terms
        return batch.items >= terms.max_items or batch.tokens >= terms.max_tokens or batch.size >= terms.max_bytes

    # ---- when it leaves

    def look(self) -> None:
        """Go, or wait until the moment at which to."""
        batch = self.open
        if batch is None:
            return
        around = self._around
        now = around.now()
        deadline = min(member.exchange.deadline for member in batch.members)
        priority = min(member.exchange.priority for member in batch.members)
        waiting = Waiting(len(batch.members), self.flying, batch.items, batch.since, self._last, deadline, priority)
        due = leaves_at(waiting, self.terms, self.costs, self.crowd, around.overload.load, now)
        if due <= now:
            self._go(batch)
        elif self._timer is None or due < self._due:
            self._stop_timer()
            self._due = due
            self._timer = around.loop.call_later(due - now, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.look()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def freed(self) -> None:
        """An upstream may be free. The answers that it gave are written first: who asks anew can still come along."""
        self._last = self._around.now()
        self._around.loop.call_soon(self.look)

    def thinned(self) -> None:
        """A caller has left the batch before it went."""
        self._around.counts.waiting -= 1
        batch = self.open
        if batch is not None and not batch.members:
            self._close()

    def _go(self, batch: Batch) -> None:
        self._around.counts.waiting -= len(batch.members)
        self._close()
        batch.send()

    def _close(self) -> None:
        self.open = None
        self._stop_timer()
        self.costs.waiting.pop(self.freed, None)

    def __repr__(self) -> str:
        return f"<Window {self.open!r}, {self.flying} flying, {self.crowd!r}>"
