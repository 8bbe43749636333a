"""The routing room: finds the model's entry, chooses an upstream, takes a seat there, and asks its provider.

Enters: a peeked call. Leaves: the upstream's Reply. Fails with 404 (unknown model, or no upstream offers the
operation) and with whatever the provider raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.routing.table import Table
from penstock.routing.targets import Target


class Routing:
    """See the module."""

    needs = frozenset({"peek", "body"})
    gives = frozenset({"reply"})

    def __init__(self, table: Table, targets: Sequence[Target]) -> None:
        self._table = table
        self._targets = targets

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        call = exchange.call
        if call.model or call.operation.needs_model:
            entry = self._table.find(call.model)
            target = entry.strategy.choose(entry.targets, call)
            if not target.provider.serves(call):
                able = [other for other in entry.targets if other.provider.serves(call)]
                if not able:
                    raise _not_offered(exchange, f"no upstream of model '{call.model}'")
                target = entry.strategy.choose(able, call)
            exchange.model = entry.pattern
            if call.max_tokens is None:
                exchange.output_default = entry.max_tokens
            sent_as = entry.sent_as(call.model)
        else:
            target = self._any(exchange)
            sent_as = ""
        exchange.upstream = target.name
        exchange.upstream_model = sent_as
        exchange.attempts += 1
        target.take_seat(exchange)
        return target.provider.send(exchange, sent_as)

    def _any(self, exchange: Exchange) -> Target:
        """For operations that name no model (files, batches): the first upstream that has them."""
        for target in self._targets:
            if target.provider.serves(exchange.call):
                return target
        raise _not_offered(exchange, "no upstream")


def _not_offered(exchange: Exchange, who: str) -> CallerError:
    return CallerError(
        f"{who} offers {exchange.call.operation.path}", status=404, code="operation_not_offered", param="model"
    )
