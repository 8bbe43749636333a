"""The cost room: says of each call what it cost, once it has ended.

Enters: a call that asks an upstream. Leaves: the same; ``cost``, ``saved`` and ``money`` are on its exchange when what
was registered before this room runs. Fails with CallerError 400 ``price_unknown`` where the config wants that.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar

from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.cost.pricing import Pricing


class Cost:
    """See the module. ``refuses``: calls of unknown price are not sent."""

    needs: ClassVar[frozenset[str]] = frozenset({"peek"})
    gives: ClassVar[frozenset[str]] = frozenset({"price"})

    def __init__(self, pricing: Pricing, *, refuses: bool) -> None:
        self._settle = pricing.settle
        self._pricing = pricing
        self._refuses = refuses

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        if self._refuses and exchange.call.model:
            self._pricing.admit(exchange.call.model)
        exchange.defer(self._settle)
        return next(exchange)

    def __repr__(self) -> str:
        return f"<Cost {self._pricing!r}>"
