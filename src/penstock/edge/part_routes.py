"""Admin routes that show what each worker tells of one part: ``/admin/v1/memory`` and its like.

Enters: admin requests. Leaves: JSON, ``{"workers": [{"worker": 0, ...}]}``, from the numbers that metrics are made of.
May fail: CallerError 404 where the part is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.fleet import Fleet
from penstock.edge.generation import LocalRoute

ADMIN = "/admin/v1/"

PARTS: Mapping[str, tuple[str, ...]] = {
    "memory": ("memory", "accounts", "collector", "suggestions"),
    "admission": ("admission",),
    "batching": ("batching",),
    "grouping": ("grouping",),
    "streams": ("streams", "resume"),
}
"""By the name in the path, the keys of the numbers that are shown there; the first one's are not told by its name."""


class PartRoutes:
    """See the module."""

    def __init__(self, fleet: Fleet, parts: Mapping[str, tuple[str, ...]] = PARTS) -> None:
        self._fleet = fleet
        self._parts = parts

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        return {ADMIN + name: LocalRoute(partial(self.part, keys)) for name, keys in self._parts.items()}

    def prefixes(self) -> dict[str, LocalRoute]:
        """None."""
        return {}

    async def part(self, keys: tuple[str, ...], exchange: Exchange) -> Reply:
        """What each worker tells of it."""
        first, *others = keys
        workers = (await self._fleet.status())["workers"]
        rows = [
            {"worker": told["worker"], **told[first], **{key: told.get(key) for key in others}}
            for told in workers
            if told.get(first) is not None
        ]
        if workers and not rows:
            raise CallerError(f"{first} is not installed here", status=404, code="not_found")
        body = msgspec.json.encode({"workers": rows})
        return Reply(200, [(b"content-type", b"application/json")], body + b"\n")
