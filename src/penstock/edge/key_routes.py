"""The admin route that lists keys: ``/admin/v1/keys``. Neither a key nor its hash is ever told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.generation import LocalRoute

KEYS = "/admin/v1/keys"


class KeyRoutes:
    """See the module. ``rows``: what may be told of each key."""

    def __init__(self, rows: Callable[[], list[dict[str, Any]]]) -> None:
        self._rows = rows

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        return {KEYS: LocalRoute(self.keys)}

    def prefixes(self) -> dict[str, LocalRoute]:
        """None."""
        return {}

    async def keys(self, exchange: Exchange) -> Reply:
        """All of them, the revoked ones too."""
        body = msgspec.json.encode({"keys": self._rows(), "asker": exchange.key})
        return Reply(200, [(b"content-type", b"application/json")], body + b"\n")
