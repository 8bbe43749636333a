"""The admin route of batches: what went together, and what is learned of upstreams, by each worker.

Enters: admin requests. Leaves: JSON. May fail: CallerError 404 where the slice is not installed.
"""

from __future__ import annotations

import msgspec

from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.fleet import Fleet
from penstock.edge.generation import LocalRoute

BATCHING = "/admin/v1/batching"


class BatchingRoutes:
    """See the module."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        return {BATCHING: LocalRoute(self.batching)}

    def prefixes(self) -> dict[str, LocalRoute]:
        """None."""
        return {}

    async def batching(self, exchange: Exchange) -> Reply:
        """The numbers of all workers, one by one."""
        told = (await self._fleet.status())["workers"]
        workers = [{"worker": dump["worker"], **dump["batching"]} for dump in told if dump.get("batching")]
        if told and not workers:
            raise CallerError("batching is not installed here", status=404, code="not_found")
        body = msgspec.json.encode({"workers": workers})
        return Reply(200, [(b"content-type", b"application/json")], body + b"\n")
