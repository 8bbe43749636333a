"""The frames of a WebSocket that is passed on unread: where they begin and end, told from their heads alone (RFC 6455,
section 5). Control frames of our own are written here too.

Enters: the bytes of one direction, in whatever pieces they come. Leaves: the same bytes, but for the beginning of a
frame whose head is not whole yet. Fails with BrokenFrame for a head that breaks a rule.
"""

from __future__ import annotations

import os

CLOSE = 0x8
PING = 0x9
NORMAL, GOING_AWAY, PROTOCOL_ERROR, POLICY, TOO_BIG, INTERNAL_ERROR, TRY_AGAIN = (
    1000,
    1001,
    1002,
    1008,
    1009,
    1011,
    1013,
)
MOST_CONTROL_BYTES = 125


class BrokenFrame(Exception):
    """``code`` is that of the closing frame which tells the peer (RFC 6455, 7.4.1); ``good`` is what came before it and
    may go on."""

    def __init__(self, reason: str, code: int = PROTOCOL_ERROR) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.good = b""


class FrameWalk:
    """One direction of a socket. ``left``: bytes still to come of the frame under way, 0 between two frames; ``spoke``
    is set by each frame of a message, for others to clear; ``closed`` once a closing frame was passed whole.

    ``masked``: whether the frames must be (those of clients are). ``most``: bytes of one message, 0 for any number.
    """

    __slots__ = ("_closing", "_held", "_in_message", "_masked", "_message", "_most", "closed", "left", "spoke")

    def __init__(self, *, masked: bool, most: int = 0) -> None:
        self._masked = masked
        self._most = most
        self._held = b""
        self._in_message = self._closing = False
        self._message = 0
        self.left = 0
        self.closed = self.spoke = False

    def pass_on(self, data: bytes) -> bytes:
        """What may go on now that ``data`` has come; after a closing frame nothing. Raises BrokenFrame, once."""
        if self.closed:
            return b""
        if self._held:
            data = self._held + data
            self._held = b""
        size = len(data)
        at = self.left
        while at < size or (at == size and self._closing):
            if self._closing:
                self.left = 0
                self.closed = True
                return data[:at]
            try:
                end = self._head(data, at, size)
            except BrokenFrame as broken:
                self.left = 0
                broken.good = data[:at]
                raise
            if end is None:
                self.left = 0
                self._held = data[at:]
                return data[:at]
            at = end
        self.left = at - size
        return data

    def _head(self, data: bytes, at: int, size: int) -> int | None:
        """Where the frame at ``at`` ends; None while its head is not whole."""
        if size - at < 2:
            return None
        first, second = data[at], data[at + 1]
        length = second & 0x7F
        begin = at + 2
        if length > MOST_CONTROL_BYTES:
            width = 2 if length == 126 else 8
            if first & 0x8:
                raise BrokenFrame("a control frame of over 125 bytes")
            if size - begin < width:
                return None
            length = int.from_bytes(data[begin : begin + width])
            begin += width
            if length <= MOST_CONTROL_BYTES or (width == 8 and not 0xFFFF < length < 1 << 63):
                raise BrokenFrame("the length of a frame is not in its shortest form")
        if first & 0x70:
            raise BrokenFrame("a reserved bit is set")
        if bool(second & 0x80) is not self._masked:
            raise BrokenFrame("a frame is not masked" if self._masked else "a frame is masked")
        self._note(first & 0x0F, final=bool(first & 0x80), length=length)
        return begin + length + (4 if self._masked else 0)

    def _note(self, opcode: int, *, final: bool, length: int) -> None:
        if opcode & 0x8:
            if opcode > 0xA:
                raise BrokenFrame("a reserved opcode")
            if not final:
                raise BrokenFrame("a control frame in parts")
            self._closing = opcode == CLOSE
            return
        if opcode > 0x2:
            raise BrokenFrame("a reserved opcode")
        if (opcode == 0) is not self._in_message:
            raise BrokenFrame("a part of a message that has not begun" if opcode == 0 else "a message within another")
        self._message += length
        if self._message > self._most > 0:
            raise BrokenFrame(f"a message may have {self._most} bytes", TOO_BIG)
        self.spoke = True
        self._in_message = not final
        if final:
            self._message = 0

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.left}B to come" if self.left else "between frames"
        return f"<FrameWalk {state}>"


def control_frame(opcode: int, payload: bytes = b"", *, masked: bool) -> bytes:
    """A whole control frame; ``payload`` has at most 125 bytes."""
    if not masked:
        return b"%c%c%b" % (0x80 | opcode, len(payload), payload)
    mask = os.urandom(4)
    covered = bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))
    return b"%c%c%b%b" % (0x80 | opcode, 0x80 | len(payload), mask, covered)


def closing_frame(code: int, reason: str = "", *, masked: bool) -> bytes:
    """A closing frame; a reason that is too long is cut between characters."""
    told = reason.encode()[: MOST_CONTROL_BYTES - 2].decode("utf-8", "ignore").encode()
    return control_frame(CLOSE, code.to_bytes(2) + told, masked=masked)
