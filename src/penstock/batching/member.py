"""One caller's call in a batch. Pure.

Enters: its exchange and what it brings. Leaves: a promise of its answer; None says that the call has to go alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.core.reply import Reply
from penstock.wire.merged_call import Part

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from penstock.batching.batch import Batch


class Member:
    """See the module. ``batch``: where it is now, None once it is over; ``held``: bytes reserved for it; ``checked``:
    the answer to it alone must hold exactly what was asked; ``suspected``: a call with it in failed for its items."""

    __slots__ = ("answer", "batch", "came", "checked", "exchange", "held", "part", "suspected")

    def __init__(self, exchange: Exchange, part: Part, loop: AbstractEventLoop, came: float) -> None:
        self.exchange = exchange
        self.part = part
        self.came = came
        self.answer: Promise[Reply | None] = Promise(loop)
        self.batch: Batch | None = None
        self.held = 0
        self.checked = False
        self.suspected = False

    def left(self, exchange: Exchange) -> None:
        """Its exchange has ended, however."""
        batch, self.batch = self.batch, None
        if batch is not None:
            batch.leave(self)

    def __repr__(self) -> str:
        return f"<Member {self.exchange.id} of {len(self.part.items)} items>"
