"""The admin route of the journal: rows of single calls, asked of the store that all workers share.

Enters: admin requests. Leaves: JSON, with ``asker``, the id of the key that asked. Wrong questions are 400.
"""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec

from penstock.core.errors import CallerError, GatewayError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.fleet import Fleet
from penstock.edge.generation import LocalRoute

JOURNAL = "/admin/v1/journal"


class JournalRoutes:
    """See the module."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        return {JOURNAL: LocalRoute(self.journal)}

    def prefixes(self) -> dict[str, LocalRoute]:
        """None."""
        return {}

    async def journal(self, exchange: Exchange) -> Reply:
        """The newest rows (``?last=N``), or those ``after`` a position; others fields are what a row's must be."""
        query = exchange.call.query.decode("latin-1")
        try:
            fields = parse_qs(query, keep_blank_values=True, max_num_fields=16, errors="strict")
        except ValueError:
            raise CallerError("the query has too many fields, or is not UTF-8", code="bad_query") from None
        told = await self._fleet.journal({name: values[0] for name, values in fields.items()})
        if "problems" in told:
            message, status = "; ".join(told["problems"]), told["status"]
            if status >= 500:
                raise GatewayError(message, code=told["code"], retry_after=1)
            raise CallerError(message, status=status, code=told["code"], param=told.get("param"))
        body = msgspec.json.encode(told | {"asker": exchange.key})
        return Reply(200, [(b"content-type", b"application/json")], body + b"\n")
