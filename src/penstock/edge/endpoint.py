"""Where every request begins and every answer leaves: finds what is asked for, makes the exchange, starts the rooms.

Enters: a turn of a connection, its head checked. Leaves: a Serving that runs to its end. Refuses by itself: unknown
paths (404), wrong methods (405), foreign hosts while open (421), unknown ``x-penstock-*`` fields (400).
"""

from __future__ import annotations

import asyncio
import email.utils
import re
from collections.abc import Callable
from functools import partial
from typing import Final

from penstock.core.call import Call, Headers, Operation
from penstock.core.errors import CallerError, Fail
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.edge.cors import allowed_origin, cors_lines, preflight
from penstock.edge.generation import Generation, LocalRoute, client_address
from penstock.edge.ids import Ids
from penstock.edge.serving import Serving
from penstock.net.handshake import check_handshake, tokens
from penstock.net.http_head import RequestHead, response_head
from penstock.net.turn import Successor, Turn
from penstock.net.upgraded import Upgraded
from penstock.wire.errors import error_body, error_headers
from penstock.wire.headers import check_own
from penstock.wire.operations import find
from penstock.wire.own_fields import tags, within
from penstock.wire.subprotocols import with_key

_GIVEN_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
SOCKET_PATH: Final = "/v1/stream"
OpenSocket = Callable[[Turn, str], None]
"""Answers a WebSocket's handshake on a turn, of a caller at that address. Raises Fail when it refuses."""
Join = Callable[[Exchange, Upgraded], Successor]
"""What the connection of a call goes on as whose upstream has opened a WebSocket."""

_PROXIED: Final = frozenset((b"x-forwarded-for", b"x-real-ip", b"forwarded", b"via"))
_ADMIN: Headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
_LOCAL: Final = {
    dialect: Operation("local", dialect, "", body="none", needs_model=False, methods=())
    for dialect in ("openai", "anthropic")
}


class _Known:
    """What one generation makes of a head. ``within``: seconds from its beginning to its deadline."""

    __slots__ = ("client", "extra", "generation", "given_id", "headers", "operation", "refusal", "run", "socket",
                 "tags", "within")  # fmt: skip

    def __init__(
        self, generation: Generation, operation: Operation, client: str, head: RequestHead, extra: bytes
    ) -> None:
        self.generation = generation
        self.operation = operation
        self.client = client
        self.given_id = _given_id(head.headers)
        self.headers = head.headers
        self.extra = extra
        self.run: Next = generation.run
        self.within = generation.total_timeout
        self.tags = tags(head.headers)
        self.refusal: Fail | None = None
        self.socket: OpenSocket | None = None


class Endpoint:
    """The App of the server. ``generation``, ``open_socket`` and ``join`` are replaced at a reload."""

    def __init__(self, generation: Generation, ids: Ids, now: Callable[[], float], wall: Callable[[], float]) -> None:
        self.generation = generation
        self.loop = asyncio.get_running_loop()
        self.now = now
        self.wall = wall
        self._ids = ids
        self.stopping = False
        self.open_socket: OpenSocket | None = None
        self.join: Join | None = None
        self.refused = 0
        self.date = b""
        self.chunk_sizes: dict[bytes, int] = {}
        self.tick()

    def tick(self) -> None:
        """Once a second: the date that answers carry."""
        self.date = b"date: " + email.utils.formatdate(self.wall(), usegmt=True).encode() + b"\r\n"

    def begin(self, turn: Turn) -> None:
        """Serve one request."""
        head = turn.head
        generation = self.generation
        known: _Known | None = head.memo.get(self)
        if known is None or known.generation is not generation:
            head.memo.clear()
            known = head.memo[self] = self._know(turn, generation)
        call = Call(known.operation, head.method, head.path, head.query, known.headers, known.client, head.memo)
        started = self.now()
        exchange = Exchange(known.given_id or self._ids.next(), call, started, started + known.within, turn.body)
        exchange.generation = generation
        exchange.caller = turn.connection
        exchange.tags = known.tags
        serving = Serving(self, generation, exchange, turn, known.extra)
        if known.refusal is not None:
            self.refused += 1
            serving.refuse(known.refusal)
        elif head.upgrade and known.socket is not None:
            try:
                known.socket(turn, known.client)
            except Fail as fail:
                self.refused += 1
                serving.refuse(fail)
        else:
            serving.begin(known.run)

    def next_id(self) -> str:
        """An id for a call."""
        return self._ids.next()

    def _know(self, turn: Turn, generation: Generation) -> _Known:
        """All that the head alone decides."""
        head = turn.head
        operation = find(head.path)
        route = generation.route(head.path) if operation is None else None
        extra = b""
        if generation.cors_origins and (origin := allowed_origin(head.headers, generation.cors_origins)):
            extra = cors_lines(origin)
        client = client_address(turn.peer, head.forwarded, generation.trusted)
        known = _Known(generation, operation or _LOCAL[_dialect(head)], client, head, extra)
        if head.upgrade == b"websocket" and head.path == SOCKET_PATH:
            known.socket = self.open_socket
        elif known.operation.upgrades:
            known.headers = with_key(head.headers, tokens(head.headers, b"sec-websocket-protocol"))
        try:
            known.run = self._admit(head, generation, operation, route, extra)
            known.within = within(head.headers, generation.total_timeout)
        except Fail as fail:
            known.refusal = fail
        return known

    def _admit(
        self,
        head: RequestHead,
        generation: Generation,
        operation: Operation | None,
        route: LocalRoute | None,
        extra: bytes,
    ) -> Next:
        """What will answer. Raises CallerError."""
        if generation.hosts is not None:
            _check_host(head.host, generation.hosts)
            if not extra:
                _check_origin(head)
        if head.method == "OPTIONS":
            return preflight(operation.methods if operation else route.methods if route else ("GET", "POST"), extra)
        joins = operation is not None and operation.upgrades and self.join is not None
        if head.upgrade == b"websocket" and not joins:
            if head.path != SOCKET_PATH or self.open_socket is None:
                raise CallerError("there is no WebSocket at this path", status=404, code="not_found")
            check_own(head.headers)
            return generation.run
        if operation is not None:
            if head.method not in operation.methods:
                raise wrong_method(head, operation.methods)
            if operation.upgrades:
                check_handshake(head)
            check_own(head.headers)
            return generation.run
        if route is None:
            raise CallerError(
                f"There is nothing at {head.path}. Penstock answers under /v1, /health, /metrics, /ui and /admin/v1.",
                status=404,
                code="not_found",
            )
        if head.method not in route.methods and not (head.method == "HEAD" and "GET" in route.methods):
            raise wrong_method(head, route.methods)
        return partial(_serve_local, generation, route)

    def refuse(self, fail: Fail, target: bytes, fields: Headers) -> bytes:
        """The answer to a request too malformed to be served. The connection closes after it."""
        self.refused += 1
        dialect = "anthropic" if b"/messages" in target[:64] else "openai"
        request_id = self._ids.next()
        body = error_body(fail, dialect, request_id)
        lines = [b"%b: %b\r\n" % field for field in error_headers(fail)]
        lines.append(
            b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\nx-request-id: %b\r\n"
            % (len(body), request_id.encode())
        )
        lines.append(self.date)
        return response_head(fail.status, lines) + body


async def _serve_local(generation: Generation, route: LocalRoute, exchange: Exchange) -> Reply:
    """A path that Penstock answers itself. The key is looked at each time: it may have been revoked."""
    right = route.right
    if right == "local":
        right = "public" if _is_from_here(exchange.call, generation) else "call"
    if right != "public":
        exchange.key = generation.authorize(exchange.call.headers, right)
    reply = await route.serve(exchange)
    if right == "admin":  # no cache on the way may keep it, and no browser take it for a page
        reply.headers = [*reply.headers, *_ADMIN]
    return reply


def _is_from_here(call: Call, generation: Generation) -> bool:
    """Whether it names this machine as its host, and came through no proxy: the Host that one passes on is whatever
    its own caller wrote."""
    proxied = any(name in _PROXIED for name, _ in call.headers)
    return not proxied and host_name(call.header(b"host") or b"") in generation.own_hosts


def wrong_method(head: RequestHead, methods: tuple[str, ...]) -> CallerError:
    """405 that says which methods there are."""
    allow = ", ".join(methods)
    return CallerError(
        f"{head.method} is not offered at {head.path}; use {allow}",
        status=405,
        code="method_not_allowed",
        allow=allow,
    )


def _check_host(host: bytes, allowed: frozenset[str]) -> None:
    """Without keys, a page in a browser could reach us under a name of its own (DNS rebinding)."""
    name = host_name(host)
    if name not in allowed:
        raise CallerError(
            f"requests for the host '{name[:100]}' are not served while auth is open; add it to listen.hosts",
            status=421,
            code="foreign_host",
        )


def host_name(host: bytes) -> str:
    """The name in a Host field, without its port."""
    name = host.decode("latin-1").lower()
    return name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]


def _check_origin(head: RequestHead) -> None:
    """Without keys, a page of another site could spend our money blindly: browsers name the page's origin. Of pictures
    and scripts they do not, but they say that another site asks: from there only a link may be followed."""
    origins = [value for name, value in head.headers if name == b"origin"]
    fields = dict(head.headers)
    strange = fields.get(b"sec-fetch-site") in (b"cross-site", b"same-site")
    followed = head.method == "GET" and fields.get(b"sec-fetch-mode") == b"navigate"
    if any(origin.partition(b"://")[2] != head.host for origin in origins) or (
        strange and not followed and not origins
    ):
        raise CallerError(
            "pages of other origins are not served while auth is open; add the origin to listen.cors_origins",
            status=403,
            code="foreign_origin",
        )


def _given_id(headers: Headers) -> str:
    """A request id that the caller chose, if it is one that may be shown in headers and logs."""
    for name, value in headers:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return value.decode()
    return ""


def _dialect(head: RequestHead) -> str:
    """In which dialect an unknown path's error is told."""
    if head.path.startswith(("/v1/messages", "/messages")):
        return "anthropic"
    return "anthropic" if any(name == b"anthropic-version" for name, _ in head.headers) else "openai"
