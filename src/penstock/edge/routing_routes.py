"""The admin routes of routing: the upstreams and what may be done to them while serving, and decisions explained.

Enters: admin requests; bodies are read here, bounded. Leaves: JSON. A refused change is told as ``penstock check``
tells a wrong config: ``{"ok": false, "problems": [line, ...]}``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.core.units import parse_duration
from penstock.edge.fleet import Fleet
from penstock.edge.generation import LocalRoute

UPSTREAMS = "/admin/v1/upstreams"
ROUTES = "/admin/v1/routes"
LONGEST_WAIT_SECONDS = 300.0
MOST_CHANGE_BYTES = 64 * 1024
MOST_CALL_BYTES = 4 * 1024 * 1024
MOST_DECISIONS = 1000
_JSON: Headers = [(b"content-type", b"application/json")]
_CHANGES = {("PUT", ""): "put", ("DELETE", ""): "remove"} | {
    ("POST", verb): verb for verb in ("drain", "undrain", "reset")
}


class RoutingRoutes:
    """See the module. ``keyed``: an admin key was shown, so that upstreams may be added."""

    def __init__(self, fleet: Fleet, *, keyed: bool) -> None:
        self._fleet = fleet
        self._keyed = keyed

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        return {UPSTREAMS: LocalRoute(self.upstreams), ROUTES: LocalRoute(self.decisions, methods=("GET", "POST"))}

    def prefixes(self) -> dict[str, LocalRoute]:
        """By the beginning of the path; the name of an upstream follows, and what is to be done."""
        return {f"{UPSTREAMS}/": LocalRoute(self.upstream, methods=("GET", "PUT", "POST", "DELETE"))}

    async def upstreams(self, exchange: Exchange) -> Reply:
        """All of them. ``?victim=MODEL``: also the one of that model that would be missed least."""
        return _answer(await self._fleet.upstreams(_asked(exchange).get("victim", "")))

    async def upstream(self, exchange: Exchange) -> Reply:
        """``GET``, ``PUT`` or ``DELETE`` one; ``POST`` its ``/drain``, ``/undrain`` or ``/reset``. ``?wait=30s`` waits
        until it is empty."""
        name, _, verb = exchange.call.path.removeprefix(f"{UPSTREAMS}/").partition("/")
        name = unquote(name)
        method = exchange.call.method
        if not verb and method in ("GET", "HEAD"):
            return await self._one(name)
        do = _CHANGES.get((method, verb))
        if do is None:
            raise _not_here(exchange, verb)
        question = {"do": do, "name": name, "wait": _wait(exchange), "trusted": self._keyed, "by": exchange.key}
        if do == "put":
            question["body"] = _text(await exchange.body.read(MOST_CHANGE_BYTES))
        return _answer(await self._fleet.change_upstream(question))

    async def _one(self, name: str) -> Reply:
        for row in (await self._fleet.upstreams(""))["upstreams"]:
            if row["name"] == name:
                return _json(row)
        raise CallerError(f"there is no upstream '{name[:100]}'", status=404, code="upstream_not_found")

    async def decisions(self, exchange: Exchange) -> Reply:
        """``POST`` a call's body: how it would be routed, for ``?key=ID&session=NAME&client=ADDRESS&operation=chat``.
        ``GET``: the ``last`` decisions, where they are recorded."""
        asked = _asked(exchange)
        question: dict[str, Any] = {name: asked.get(name, "") for name in ("key", "session", "operation")}
        if exchange.call.method == "POST":
            question["client"] = asked.get("client", exchange.call.client)
            question["body"] = _text(await exchange.body.read(MOST_CALL_BYTES))
        else:
            last = asked.get("last", "20")
            if not (last.isascii() and last.isdigit() and len(last) < 10):
                raise CallerError("last must be a number", code="bad_query", param="last")
            question["last"] = min(int(last), MOST_DECISIONS)
        return _answer(await self._fleet.decisions(question))


def _asked(exchange: Exchange) -> dict[str, str]:
    """The query, the first value of each name."""
    query = exchange.call.query.decode("latin-1")
    try:
        return {name: values[0] for name, values in parse_qs(query, max_num_fields=16).items()}
    except ValueError:
        raise CallerError("the query has too many fields", code="bad_query") from None


def _wait(exchange: Exchange) -> float:
    """Seconds to wait, so that the answer still comes in time."""
    text = _asked(exchange).get("wait", "0")
    try:
        return min(parse_duration(text), LONGEST_WAIT_SECONDS, 0.9 * (exchange.deadline - exchange.started))
    except ValueError as error:
        raise CallerError(f"wait: {error}", code="bad_query", param="wait") from None


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise CallerError(f"the body is not UTF-8 (byte {error.start})", code="invalid_json") from None


def _not_here(exchange: Exchange, verb: str) -> CallerError:
    verbs = [known for _, known in _CHANGES if known]
    if verb not in verbs and verb:
        return CallerError(f"there is nothing at {exchange.call.path}", status=404, code="not_found")
    allow = "POST" if verb else "GET, PUT, DELETE"
    return CallerError(
        f"{exchange.call.method} is not offered at {exchange.call.path}; use {allow}",
        status=405, code="method_not_allowed", allow=allow,
    )  # fmt: skip


def _answer(told: dict[str, Any]) -> Reply:
    """What the fleet told; its refusals carry their status."""
    return _json(told, int(told.pop("status", 200)))


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, list(_JSON), msgspec.json.encode(value) + b"\n")
