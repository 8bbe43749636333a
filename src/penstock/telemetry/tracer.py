"""Begins the trace of a call, or goes on with the one that its caller sent. Pure but for the bits that it is given.

Enters: an exchange at the outermost room. Leaves: ``exchange.trace``. What the head alone says is worked out once a
head. A caller's sampling holds: what it does not keep is not kept here, whatever becomes of the call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.core.exchange import Exchange
from penstock.core.trace import Parent, Trace
from penstock.wire.trace_context import parent_of

_UNKNOWN: Any = object()
_LOW = (1 << 56) - 1
"""The bits of an id that are random in every trace (W3C level 2): the draw is made from them."""


class Tracer:
    """``share`` of the traces that begin here are kept, by their ids; of the others those that fail or take ``slow``
    seconds (0: none for that). ``follows``: callers' traces go on; else each call begins one. ``bits(n)`` gives n
    random ones."""

    def __init__(self, share: float, slow: float, follows: bool, bits: Callable[[int], int]) -> None:
        self._below = round(share * (_LOW + 1))
        self._slow = slow
        self._follows = follows
        self._bits = bits

    def begin(self, exchange: Exchange) -> None:
        """See the module."""
        memo = exchange.call.memo
        parent: Parent | None = memo.get(self, _UNKNOWN)
        if parent is _UNKNOWN:
            parent = memo[self] = parent_of(exchange.call.headers) if self._follows else None
        bits = self._bits
        if parent is None:
            number = bits(128) or 1
            flags = 1 if number & _LOW < self._below else 0
            exchange.trace = Trace(f"{number:032x}", bits(64) or 1, "", flags, b"", True, self._slow)
        else:
            exchange.trace = Trace(parent.trace, bits(64) or 1, parent.span, parent.flags, parent.state, False, 0.0)

    def __repr__(self) -> str:
        return f"<Tracer of {self._below / (_LOW + 1):.3g}>"
