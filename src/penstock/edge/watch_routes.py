"""Admin routes of what is seen over time: history, cost, anomalies, experiments and their like.

Enters: admin requests. ``GET /admin/v1/<part>?name=value`` asks the part ``{"name": "value"}``; ``POST
/admin/v1/<part>/<rest>`` asks ``{"do": "<rest>", "body": ..., "by": <id of the key>, "trusted": ...}``. Leaves: JSON as
the part answers, or its ``text``. May fail: ``problems`` that the part tells are an error of its ``status``.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from penstock.core.errors import CallerError, GatewayError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.fleet import Fleet
from penstock.edge.generation import LocalRoute

ADMIN = "/admin/v1/"
PARTS = (
    "history", "cost", "anomalies", "bottlenecks", "recommendations", "alerts", "experiments", "objectives", "report",
    "quality", "feedback", "scaling", "forecast", "capacity",
)  # fmt: skip
MOST_BODY_BYTES = 65_536
DOING = ("do", "body", "trusted")
"""What only a POST says: a page that somebody is led to must not do anything."""


class WatchRoutes:
    """See the module. ``keyed``: an admin key was shown."""

    def __init__(self, fleet: Fleet, *, keyed: bool = False) -> None:
        self._fleet = fleet
        self._keyed = keyed

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        return {ADMIN + part: LocalRoute(partial(self.ask, part)) for part in PARTS}

    def prefixes(self) -> dict[str, LocalRoute]:
        """By the beginning of the path."""
        return {f"{ADMIN}{part}/": LocalRoute(partial(self.do, part), methods=("POST",)) for part in PARTS}

    async def ask(self, part: str, exchange: Exchange) -> Reply:
        """What the part knows."""
        query = exchange.call.query.decode("latin-1")
        try:
            fields = parse_qs(query, keep_blank_values=True, max_num_fields=16, errors="strict")
        except ValueError:
            raise CallerError("the query has too many fields, or is not UTF-8", code="bad_query") from None
        asked = {name: values[0] for name, values in fields.items() if name not in DOING}
        return _told(await self._fleet.leader(part, asked))

    async def do(self, part: str, exchange: Exchange) -> Reply:
        """Have the part do something."""
        what = unquote(exchange.call.path.removeprefix(f"{ADMIN}{part}/"))[:200]
        body = (await exchange.body.read(MOST_BODY_BYTES)).decode("utf-8", "replace")
        question = {"do": what, "body": body, "by": exchange.key, "trusted": self._keyed}
        return _told(await self._fleet.leader(part, question))


def _told(answer: dict[str, Any]) -> Reply:
    if "problems" in answer:
        message, status = "; ".join(answer["problems"]), int(answer.get("status", 400))
        code = answer.get("code")
        if status >= 500:
            raise GatewayError(message, code=code or "gateway_overloaded", retry_after=1)
        raise CallerError(message, status=status, code=code or "bad_query", param=answer.get("param"))
    if "text" in answer:
        return Reply(200, [(b"content-type", str(answer["type"]).encode())], answer["text"].encode())
    return Reply(200, [(b"content-type", b"application/json")], msgspec.json.encode(answer) + b"\n")
