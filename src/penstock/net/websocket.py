"""A WebSocket on a connection that was handed over after the handshake: bytes to whole messages, messages to bytes.

wsproto parses frames (RFC 6455); here are the bounds: a message's size (counted at an account while it arrives), a
peer that is silent, reads nothing or floods with control frames, the closing handshake. Messages leave to a Talk. What
breaks a rule ends the socket with the code that names it; nothing is raised.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode, ParseFailed

from penstock.core.errors import Fail
from penstock.core.ports import Account
from penstock.net.outbox import BatchedProtocol

if TYPE_CHECKING:
    from penstock.net.connection import Connection
    from penstock.net.server import Server

CLOSING_SECONDS = 3.0
MOST_CONTROLS: Final = 300
"""Control frames from a peer between two of our pings. A live one sends a handful."""
MOST_FRAMES: Final = 32
"""Taken in one turn of the loop. One read can bring 40,000, each some 10 µs of everybody's time."""


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """``ping`` and ``idle`` in seconds, ``max_message`` in bytes."""

    max_message: int
    ping: float
    idle: float


class Talk(Protocol):
    """What is said over a socket. None of these may raise."""

    @property
    def busy(self) -> bool:
        """Whether something is under way: then the socket is not idle."""

    def take(self, message: bytes) -> None:
        """A whole text message, valid UTF-8."""

    def hold(self) -> None:
        """The peer reads too slowly: send nothing more than must be until ``release``."""

    def release(self) -> None: ...

    def lost(self) -> None:
        """The socket is gone, or no message passes any more. Called once."""

    def end_with(self, fail: Fail) -> None:
        """The gateway stops: end what is under way with an error."""


class WebSocket(BatchedProtocol):
    """See the module. ``send`` and ``close`` at will: on a closed socket they do nothing."""

    __slots__ = ("_behind", "_controls", "_failed", "_frames", "_heard", "_limits", "_message", "_owed", "_room",
                 "_server", "_spoke", "_talk", "_unsent", "closing", "due", "peer", "stopping", "wheel_at",
                 "writable")  # fmt: skip

    def __init__(self, server: Server, limits: SocketLimits, room: Account, talk: Talk) -> None:
        super().__init__(server)
        self._server = server
        self._limits = limits
        self._room = room
        self._talk = talk
        self._frames = FrameProtocol(client=False, extensions=[])
        self._message = bytearray()  # of one piece: it may come in frames of a byte each
        self._owed: bytes | None = None
        self._behind = False  # frames are here that were not taken
        self._controls = self._unsent = 0
        self._heard = True
        self._spoke = self.due = self.wheel_at = 0.0
        self.peer = ""
        self.writable = True
        self.closing = self.stopping = self._failed = False

    def take_over(self, connection: Connection, transport: asyncio.Transport, data: bytes) -> None:
        """Go on where ``connection`` ended; ``data`` came behind its last request."""
        self.peer = connection.peer
        self.writable = connection.writable
        self._transport = transport
        self._server.replace(connection, self)
        transport.set_protocol(self)
        transport.resume_reading()
        self._spoke = self._server.now()
        self._due_within(self._limits.ping)
        if data:
            self.data_received(data)

    # ---- out

    def send(self, text: bytes) -> None:
        """One text message; ``text`` is UTF-8."""
        if not self.closing:
            self.put(text_frame(text))

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake; the peer has a moment to end it."""
        if self.closing:
            return
        self.closing = True
        self.put(bytes(self._frames.close(code, reason or None)))
        self._due_within(CLOSING_SECONDS)
        self._leave()

    def _fail(self, code: int, reason: str) -> None:
        """The peer broke a rule: say so and read no more frames of it; what still comes is dropped unread."""
        self.close(code, reason)
        self._failed = True
        if self._transport.can_write_eof():
            self.flush()
            self._transport.write_eof()

    def _leave(self) -> None:
        """No message passes any more."""
        self._forget_message()
        self._talk.lost()

    # ---- transport

    def connection_lost(self, exc: Exception | None) -> None:
        lost, self.closing = not self.closing, True
        self._forget_out()
        self.due = 0.0
        self._server.forget(self)
        self._server.busy -= 1
        if lost:
            self._leave()

    def eof_received(self) -> bool | None:
        return None  # nothing more can come, not even a closing frame: the transport closes

    def pause_writing(self) -> None:
        """Who does not read is not read from: else its questions would pile up answers."""
        self.writable = self._reading = False
        self._unsent = 0
        self._due_within(self._server.limits.write_timeout / 2)
        self._transport.pause_reading()
        if not self.closing:
            self._talk.hold()

    def resume_writing(self) -> None:
        self.writable = self._reading = True
        self._go_on()
        if self.closing:
            self._due_within(CLOSING_SECONDS)
            return
        self._heard = True
        self._due_within(self._limits.ping)
        owed, self._owed = self._owed, None
        if owed is not None:
            self.put(bytes(self._frames.pong(owed)))
        self._talk.release()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if not self._failed:
            self._frames.receive_bytes(data)
            self._take_some()

    # ---- in

    def _go_on(self) -> None:
        if self._behind and self._reading and not self._transport.is_closing():
            self._take_some()
        if not self._behind:
            super()._go_on()

    def _take_some(self) -> None:
        """Take a few of the frames that are here; the rest, and what is not read yet, waits for its turn."""
        taken = 0
        try:
            for frame in self._frames.received_frames():
                self._take(frame)
                taken += 1
                if self._failed or taken == MOST_FRAMES:
                    break
        except ParseFailed as error:
            self._fail(error.code, str(error))
        self._behind = taken == MOST_FRAMES and not self._failed
        if self._behind:
            self.give_way()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self._answer_close(frame)
        elif self.closing:
            pass  # sent before our closing frame arrived there
        elif frame.opcode is Opcode.PING or frame.opcode is Opcode.PONG:
            self._controls += 1
            if self._controls > MOST_CONTROLS:
                self._fail(CloseReason.POLICY_VIOLATION, "too many pings")
            elif frame.opcode is Opcode.PING:
                payload = cast(bytes, frame.payload)
                if self.writable:
                    self.put(bytes(self._frames.pong(payload)))
                else:
                    self._owed = payload  # only the last one needs an answer (RFC 6455, 5.5.3)
        elif frame.opcode is Opcode.BINARY:
            self._fail(CloseReason.UNSUPPORTED_DATA, "messages are text")
        else:
            self._take_text(cast(str, frame.payload).encode(), ended=frame.message_finished)

    def _take_text(self, part: bytes, *, ended: bool) -> None:
        size = len(part)
        if len(self._message) + size > self._limits.max_message:
            self._fail(CloseReason.MESSAGE_TOO_BIG, f"a message may have {self._limits.max_message} bytes")
        elif not self._room.reserve(size):
            self._fail(CloseReason.TRY_AGAIN_LATER, "the gateway holds as many bytes as it may")
        else:
            self._message += part
            if ended:
                message = bytes(self._message)
                self._forget_message()
                self._spoke = self._server.now()
                self._talk.take(message)

    def _forget_message(self) -> None:
        self._room.release(len(self._message))
        self._message = bytearray()

    def _answer_close(self, frame: Frame) -> None:
        """The peer ends it, or has answered our closing frame: the server closes the connection (7.1.1)."""
        if not self.closing:
            self.closing = True
            code, _ = cast("tuple[int, str]", frame.payload)
            self.put(bytes(self._frames.close(None if code == CloseReason.NO_STATUS_RCVD else code)))
            self._leave()
        self._failed = True
        self.flush()
        self._due_within(CLOSING_SECONDS)
        self._transport.close()

    # ---- for the server

    def close_when_idle(self) -> None:
        """The server stops: no new calls; the socket ends with the last one."""
        self.stopping = True
        self.rest()

    def rest(self) -> None:
        """Something that was under way has ended."""
        self._spoke = self._server.now()
        if self.stopping and not self._talk.busy:
            self.close(CloseReason.GOING_AWAY, "the gateway is stopping")

    def end_with(self, fail: Fail | None = None) -> None:
        """End what is under way."""
        if fail is not None and not self.closing:
            self._talk.end_with(fail)
            self.close(CloseReason.GOING_AWAY, "the gateway is stopping")

    def abort(self) -> None:
        """Drop the connection at once."""
        self.drop()

    def _due_within(self, seconds: float) -> None:
        self.due = self._server.now() + seconds
        self._server.wheel.watch(self)

    def expire(self, now: float) -> None:
        """The wheel calls this: time to ping, to look whether the peer lives, or to end."""
        if not self.writable:
            unsent = self.unsent()
            if self._unsent and unsent >= self._unsent:
                self.drop()
            else:
                self._unsent = unsent
                self._due_within(self._server.limits.write_timeout / 2)
        elif self.closing or not self._heard:
            self.drop()
        elif now - self._spoke >= self._limits.idle and not self._talk.busy:
            self.close(CloseReason.NORMAL_CLOSURE, "idle")
        else:
            self._heard = False
            self._controls = 0
            self.put(bytes(self._frames.ping()))
            self._due_within(self._limits.ping)

    def __repr__(self) -> str:
        return f"<WebSocket {self.peer} {'closing' if self.closing else 'open'} {len(self._message)}B arriving>"


def text_frame(text: bytes) -> bytes:
    """``text`` as one unmasked frame (RFC 6455, 5.2)."""
    size = len(text)
    if size < 126:
        return b"\x81%c%b" % (size, text)
    if size < 65536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2), text)
    return b"\x81\x7f%b%b" % (size.to_bytes(8), text)
