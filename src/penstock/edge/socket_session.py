"""``/v1/stream``: several calls at once on one WebSocket, each an Exchange of its own through the rooms.

Enters: a checked handshake; then messages. Leaves: messages, told apart by the caller's ids. Refuses a handshake
without a good key; answers a message that it cannot follow with an error, and stays open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.core.call import Call, Headers
from penstock.core.errors import CallerError, Fail
from penstock.core.exchange import Exchange
from penstock.core.ports import Account
from penstock.edge.generation import Generation
from penstock.edge.socket_call import SocketCall
from penstock.edge.socket_messages import Asked, call_headers, failed, read_message
from penstock.net.handshake import accepted, check_handshake, tokens
from penstock.net.http_head import split_target
from penstock.net.request_body import Body
from penstock.net.server import Server
from penstock.net.turn import Turn
from penstock.net.websocket import SocketLimits, WebSocket
from penstock.wire.headers import check_own
from penstock.wire.operations import find
from penstock.wire.subprotocols import tellable, with_key

if TYPE_CHECKING:
    from penstock.edge.endpoint import Endpoint

PROTOCOL = b"penstock.v1"


class _Arrived:
    """The connection of a body that is here already."""

    def hold_reading(self) -> None: ...

    def want_body(self) -> None: ...


def open_session(
    endpoint: Endpoint, server: Server, turn: Turn, client: str, limits: SocketLimits, room: Account, most_calls: int
) -> None:
    """Answer the handshake and hand the connection over. Raises CallerError, and has done nothing then."""
    head = turn.head
    key = check_handshake(head)
    if turn.body.length != 0:
        raise CallerError("a handshake has no body", code="bad_handshake")
    offered = tokens(head.headers, b"sec-websocket-protocol")
    names = tellable(offered)
    chosen = PROTOCOL if PROTOCOL in names else names[0] if names else b""
    headers = with_key(head.headers, offered)
    endpoint.generation.authorize(headers, "call")
    session = Session(endpoint, server, headers, client, most_calls)
    session.socket = WebSocket(server, limits, room, session)
    turn.connection.write(accepted(key, chosen, endpoint.date))
    turn.connection.hand_over(session.socket)


class Session:
    """The Talk of one socket."""

    socket: WebSocket

    def __init__(self, endpoint: Endpoint, server: Server, headers: Headers, client: str, most_calls: int) -> None:
        self._endpoint = endpoint
        self._server = server
        self._headers = headers
        self._client = client
        self._most_calls = most_calls
        self._calls: dict[str, SocketCall] = {}
        self._memo: dict[Any, Any] = {}
        self._memo_of: tuple[Generation, str] | None = None
        self.loop = endpoint.loop
        self.now = endpoint.now
        self.wall = endpoint.wall

    # ---- from the socket

    @property
    def busy(self) -> bool:
        return bool(self._calls)

    def take(self, message: bytes) -> None:
        """A message of the caller."""
        asked: Asked | None = None
        try:
            asked = read_message(message)
            if asked.type == "cancel":
                self._cancel(asked)
            else:
                self._call(asked)
        except Fail as fail:
            self.send(
                failed(None if asked is None else asked.id, fail, "openai", self._endpoint.next_id(), self.wall())
            )

    def hold(self) -> None:
        for call in list(self._calls.values()):
            call.hold()

    def release(self) -> None:
        for call in list(self._calls.values()):
            call.release()

    def lost(self) -> None:
        """Everything done for this caller alone stops now."""
        for call in list(self._calls.values()):
            call.abandon("caller left")

    def end_with(self, fail: Fail) -> None:
        for call in list(self._calls.values()):
            call.end_with(fail)

    # ---- for the calls

    @property
    def writable(self) -> bool:
        """Whether the caller keeps up."""
        return self.socket.writable

    def send(self, message: bytes) -> None:
        """Tell the caller something."""
        self.socket.send(message)

    def ended(self, call: SocketCall) -> None:
        """A call is over."""
        del self._calls[call.id]
        self.socket.rest()

    # ---- messages

    def _cancel(self, asked: Asked) -> None:
        call = self._calls.get(asked.id)
        if call is None:
            raise CallerError("no call of this id is running", status=404, code="no_such_call", param="id")
        call.abandon("cancelled by its caller", tell=True)

    def _call(self, asked: Asked) -> None:
        if asked.id in self._calls:
            raise CallerError("a call of this id is running already", status=409, code="id_in_use", param="id")
        if len(self._calls) >= self._most_calls:
            raise CallerError(
                f"{self._most_calls} calls are running on this socket; more must wait for one of them",
                status=429, code="too_many_calls", retryable=True,
            )  # fmt: skip
        if self.socket.stopping:
            raise CallerError("the gateway is stopping; connect again", status=503, code="gateway_stopping")
        path, query, _ = split_target("POST", asked.path.encode("utf-8", "replace"))
        operation = find(path)
        if operation is None or operation.body != "json":
            raise CallerError(f"no call can be made to {path[:100]!r}", status=404, code="not_found", param="path")
        generation = self._endpoint.generation
        headers = call_headers(self._headers, asked.headers)
        check_own(headers)
        memo: dict[Any, Any] = {}
        if not asked.headers:  # what the head decides is decided once
            if self._memo_of != (generation, path):
                self._memo_of = (generation, path)
                self._memo = {}
            memo = self._memo
        raw = bytes(asked.body)
        body = Body(_Arrived(), len(raw))
        body.feed(raw)
        body.finish()
        call = Call(operation, "POST", path, query, headers, self._client, memo)
        started = self.now()
        exchange = Exchange(self._endpoint.next_id(), call, started, started + generation.total_timeout, body)
        exchange.generation = generation
        exchange.caller = self.socket
        made = self._calls[asked.id] = SocketCall(self, asked.id, exchange, generation)
        made.begin()
        if exchange.outcome is None:
            self._server.wheel.watch(made)

    def __repr__(self) -> str:
        return f"<Session {len(self._calls)} calls>"
