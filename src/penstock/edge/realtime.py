"""``/v1/realtime``: the caller's WebSocket and the one to an upstream, joined. Frames pass unread, both ways.

Enters: a call whose upstream has taken the handshake. Leaves: each side's bytes to the other, until one says goodbye,
is gone, breaks a rule, is silent or too slow, or the gateway stops; then the other is told in a closing frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock.core.errors import CallerError, Fail, GatewayError, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.ports import Account
from penstock.edge.config import WebSocketConfig
from penstock.edge.realtime_side import Side
from penstock.net.frames import GOING_AWAY, INTERNAL_ERROR, NORMAL, POLICY, TRY_AGAIN, BrokenFrame, FrameWalk
from penstock.net.server import Server
from penstock.net.upgraded import Upgraded

if TYPE_CHECKING:
    import asyncio

    from penstock.net.connection import Connection

CLOSING_SECONDS = 3.0


class Relay:
    """See the module. The successor of the caller's connection, in whose place at the server it stands. ``may()``
    raises Fail when the caller may not go on."""

    __slots__ = ("_caller", "_closing", "_ended", "_exchange", "_may", "_open", "_server", "_spoke", "_terms",
                 "_upstream", "_upstream_leg", "due", "now", "peer", "room", "wheel_at")  # fmt: skip

    _caller: Side
    _upstream: Side

    def __init__(
        self,
        server: Server,
        terms: WebSocketConfig,
        room: Account,
        exchange: Exchange,
        upstream: Upgraded,
        may: Callable[[], object],
    ) -> None:
        self._server = server
        self._terms = terms
        self._exchange = exchange
        self._upstream_leg = upstream
        self._may = may
        self._ended = self._closing = False
        self._open = 2
        self._spoke = self.due = self.wheel_at = 0.0
        self.room = room
        self.now = server.now
        self.peer = ""

    def take_over(self, connection: Connection, transport: asyncio.Transport, data: bytes) -> None:
        """Begin: ``connection`` has answered the caller's handshake."""
        server = self._server
        self.peer = connection.peer
        server.replace(connection, self)
        leg = Upgraded(server, transport, data, self._caller_gone)
        leg.writable = connection.writable
        caller = self._caller = Side(self, leg, FrameWalk(masked=True, most=self._terms.max_message), masks=False)
        upstream = self._upstream = Side(self, self._upstream_leg, FrameWalk(masked=False), masks=True)
        caller.other, upstream.other = upstream, caller
        for side in (caller, upstream):
            side.leg.paced = side
            if not side.leg.writable:
                side.hold()
        self._spoke = self.now()
        self._due_within(self._terms.ping)
        upstream.leg.start(upstream)
        caller.leg.start(caller)

    def _caller_gone(self) -> None:
        self._server.forget(self)
        self._server.busy -= 1

    # ---- from the sides

    def passes(self, side: Side, size: int) -> None:
        """So many bytes go from ``side`` to the other."""
        if side is self._caller:
            self._exchange.bytes_in += size
        else:
            self._exchange.bytes_out += size
        if side.walk.spoke or side.walk.left:
            side.walk.spoke = False
            self._spoke = self.now()

    def goodbye(self, side: Side) -> None:
        """The closing frame of ``side`` was passed on, or answers one of ours."""
        side.other.told = True
        if not self._closing:
            self._closing = True
            self._due_within(CLOSING_SECONDS)
        for one in (side, side.other):
            if one.told and one.walk.closed:
                one.leg.close()
        if side.other.walk.closed:
            self._finish("ok")

    def broke(self, side: Side, broken: BrokenFrame) -> None:
        """``side`` said what may not be said."""
        if self._ended:
            side.leg.drop()
        elif side is self._caller:
            fail: Fail = CallerError(f"the caller broke the protocol: {broken.reason}", code="bad_frame")
            self.part(fail, (broken.code, broken.reason))
        else:
            fail = self._failed(f"broke the protocol: {broken.reason}")
            self.part(fail, (INTERNAL_ERROR, fail.message), (broken.code, broken.reason))

    def overfull(self) -> None:
        """A side reads too slowly, and there is no room for what waits for it."""
        fail = GatewayError("the gateway holds as many bytes for slow readers as it may", code="gateway_overloaded")
        self.part(fail, (TRY_AGAIN, fail.message))

    def lost(self, side: Side, why: str) -> None:
        """The connection of ``side`` is gone."""
        other = side.other
        side.let_go()
        self._open -= 1
        if side.walk.closed or other.walk.closed:
            self._finish("ok")
        elif side is self._caller:
            self._finish("left")
        else:
            self._finish("error", self._failed(why))
        if not self._open:
            self._forget()
            return
        self._due_within(CLOSING_SECONDS)
        if other.told:
            if side is self._caller:
                other.leg.close()
        elif side is self._caller or side.walk.left:
            other.leg.drop()  # at once; and a frame that stays cut must not look whole
        elif other.walk.closed:
            other.part(NORMAL, "")
            other.leg.close()
        else:
            other.part(INTERNAL_ERROR, f"upstream '{self._exchange.upstream}' {why}")

    def _failed(self, why: str) -> UpstreamError:
        name = self._exchange.upstream
        return UpstreamError(f"upstream '{name}' {why}", phase="body", upstream=name)

    # ---- the end

    def part(self, fail: Fail | None, caller: tuple[int, str], upstream: tuple[int, str] = (GOING_AWAY, "")) -> None:
        """End it: each side gets a closing frame, by code and reason, and a moment to answer."""
        if self._ended:
            return
        self._finish("ok" if fail is None else "error", fail)
        self._caller.part(*caller)
        self._upstream.part(*upstream)
        self._due_within(CLOSING_SECONDS)

    def _finish(self, outcome: str, fail: Fail | None = None) -> None:
        """The call is over, whatever its sockets still have to say."""
        if self._ended:
            return
        self._ended = True
        exchange = self._exchange
        if fail is not None:
            fail.__traceback__ = fail.__context__ = None  # their frames hold the call, in a circle
            exchange.error = fail
        exchange.finish(outcome, self.now())
        if exchange.generation is not None:
            exchange.generation.leave()

    def _forget(self) -> None:
        """Both are gone. What refers to each other is let go, or it would wait for the collector."""
        self.due = 0.0
        del self._caller.other, self._upstream.other, self._caller, self._upstream

    def _drop(self) -> None:
        for leg in (self._caller.leg, self._upstream.leg):
            leg.drop()

    # ---- for the server and the wheel

    def close_when_idle(self) -> None:
        """The server stops: a session may go on until its time is over."""

    def end_with(self, fail: Fail | None = None) -> None:
        """Say goodbye to both."""
        if fail is not None:
            self.part(fail, (GOING_AWAY, "the gateway is stopping"))

    def abort(self) -> None:
        """Drop both at once."""
        if self._open:
            self._drop()

    def _due_within(self, seconds: float) -> None:
        self.due = self.now() + seconds
        self._server.wheel.watch(self)

    def expire(self, now: float) -> None:
        """The wheel calls this: time to look who lives, or to end."""
        if self._ended or self._closing:
            self._finish("ok")
            self._drop()
            return
        sides = (self._caller, self._upstream)
        for side in sides:
            if side.is_dead(now, self._server.limits.write_timeout):
                side.leg.cancel("dead")
                self.lost(side, "neither answered a ping nor took what was sent")
                return
        try:
            self._may()
        except Fail as fail:
            self.part(fail, (POLICY, "the key was revoked"))
            return
        if now - self._spoke >= self._terms.idle_timeout and all(side.leg.writable for side in sides):
            self.part(None, (NORMAL, "idle"), (NORMAL, "idle"))
            return
        for side in sides:
            side.ping()
        self._due_within(self._terms.ping)

    def __repr__(self) -> str:
        state = "ended" if self._ended else "closing" if self._closing else "open"
        return f"<Relay {self._exchange.id} {state}>"
