"""The log-in of the dashboard: ``/ui/session``. A key, typed once, or a link of one use is changed for a session.

Enters: ``POST {"key": ...}`` or ``{"link": ...}``, ``GET`` (who am I?), ``DELETE`` (log out), from our own page only.
Leaves: who is logged in (``by``: None for nobody), and a cookie. May fail: CallerError 401, 403, and 429 for who fails
too often. Neither key nor token is repeated or logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.cookie import check_own_page, new_cookie, session_token
from penstock.edge.fleet import Fleet
from penstock.edge.generation import Generation, LocalRoute
from penstock.edge.sessions import LASTS_SECONDS

SESSION = "/ui/session"
MOST_BODY_BYTES = 4096
MOST_FAILURES = 10
FAILURES_SECONDS = 60.0
MOST_ADDRESSES = 1000
_HEADERS: Headers = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


class _Asked(msgspec.Struct):
    key: str = ""
    link: str = ""


class Failures:
    """How often each address has failed to log in, in the present minute. Past MOST_ADDRESSES they share one count."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._counts: dict[str, int] = {}

    def note(self, address: str, now: float) -> None:
        """One more."""
        name = self._name(address, now)
        self._counts[name] = self._counts.get(name, 0) + 1

    def left(self, address: str, now: float) -> float:
        """Seconds until ``address`` may try again; 0 when it may now."""
        name = self._name(address, now)
        if self._counts.get(name, 0) < MOST_FAILURES:
            return 0.0
        return max(1.0, self._begun + FAILURES_SECONDS - now)

    def _name(self, address: str, now: float) -> str:
        if not 0 <= now - self._begun < FAILURES_SECONDS:
            self._begun = now
            self._counts.clear()
        return address if address in self._counts or len(self._counts) < MOST_ADDRESSES else ""


class Login:
    """See the module. ``mode``: the config's; ``tls``: it is us who speak TLS; ``now``: seconds, monotonic."""

    def __init__(
        self, fleet: Fleet, mode: Literal["keys", "open"], tls: bool, failures: Failures, now: Callable[[], float]
    ) -> None:
        self._fleet = fleet
        self._open = mode == "open"
        self._tls = tls
        self._failures = failures
        self._now = now

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        return {SESSION: LocalRoute(self.session, "public", methods=("GET", "POST", "DELETE"))}

    def prefixes(self) -> dict[str, LocalRoute]:
        """None."""
        return {}

    async def session(self, exchange: Exchange) -> Reply:
        """See the module."""
        call = exchange.call
        check_own_page(call.headers)
        if self._open:
            return _reply({"mode": "open", "by": "open"})
        if call.method == "POST":
            return await self._log_in(exchange)
        if call.method == "DELETE":
            return await self._log_out(call.headers)
        try:
            by = None if session_token(call.headers) is None else _generation(exchange).authorize(call.headers, "admin")
        except CallerError:
            by = None  # its time is over, or its key was revoked
        return _reply({"mode": "keys", "by": by})

    async def _log_in(self, exchange: Exchange) -> Reply:
        headers = exchange.call.headers
        try:
            asked = msgspec.json.decode(await exchange.body.read(MOST_BODY_BYTES), type=_Asked)
        except msgspec.MsgspecError:
            raise CallerError('the body must be {"key": ...} or {"link": ...}', code="invalid_json") from None
        # A link is 256 random bits, and lasts for minutes: who cannot guess one shall not lock out who has one.
        opened = await self._redeemed(asked.link) if asked.link else await self._by_key(exchange, asked.key)
        cookie = new_cookie(headers, str(opened["token"]), LASTS_SECONDS, self._tls)
        return _reply({"mode": "keys", "by": opened["by"], "seconds": LASTS_SECONDS}, (b"set-cookie", cookie))

    async def _redeemed(self, link: str) -> dict[str, Any]:
        opened = await self._fleet.session({"do": "redeem", "link": link})
        if not opened["ok"]:
            raise CallerError(
                "this link was used, or is older than five minutes; 'penstock ui' makes another",
                status=401, code="link_is_over",
            )  # fmt: skip
        return opened

    async def _by_key(self, exchange: Exchange, key: str) -> dict[str, Any]:
        client = exchange.call.client
        wait = self._failures.left(client, self._now())
        if wait:
            raise CallerError(
                "too many log-ins with a key have failed from this address; wait a minute",
                status=429, code="too_many_log_ins", retry_after=wait,
            )  # fmt: skip
        shown = b"Bearer " + key.strip().encode("utf-8", "replace")
        try:
            id = _generation(exchange).authorize([(b"authorization", shown)], "admin")
        except CallerError:
            self._failures.note(client, self._now())
            raise
        return await self._fleet.session({"do": "open", "by": id})

    async def _log_out(self, headers: Headers) -> Reply:
        token = session_token(headers)
        if token is not None:
            await self._fleet.session({"do": "close", "token": token.decode()})
        return _reply({"ended": token is not None}, (b"set-cookie", new_cookie(headers, "", 0, self._tls)))


def _generation(exchange: Exchange) -> Generation:
    generation = exchange.generation
    assert isinstance(generation, Generation)
    return generation


def _reply(value: dict[str, Any], *more: tuple[bytes, bytes]) -> Reply:
    return Reply(200, [*_HEADERS, *more], msgspec.json.encode(value) + b"\n")
