"""What the kernel knows about a TCP connection (Linux ``TCP_INFO``), and how much it may take in. Absent elsewhere:
answers None."""

from __future__ import annotations

import array
import contextlib
import fcntl
import socket
import struct
import termios
from typing import Any, Final

RECEIVE_BYTES: Final = 256 * 1024
"""The kernel doubles it for its own book-keeping. Unbounded it may grow to the system's maximum, often many megabytes,
for an upstream that was read fast and is paused now (measured: 0.8 MiB after 13 MB; 0.6 with the bound). At 100 ms of
round trip this is still 2.5 MB/s, which no model says."""
_BYTES_ACKED_AT: Final = 120
"""Offset of ``tcpi_bytes_acked`` (u64) in ``struct tcp_info``, Linux 4.1 and later."""
_RTT_AT: Final = 68
"""Offset of ``tcpi_rtt`` (u32, microseconds)."""


def bytes_acked(connection: Any) -> int | None:
    """Bytes that the peer's TCP has acknowledged over the life of ``connection`` (its SYN counts as one)."""
    info = _info(connection)
    if len(info) < _BYTES_ACKED_AT + 8:
        return None
    acked: int = struct.unpack_from("=Q", info, _BYTES_ACKED_AT)[0]
    return acked


def round_trip(connection: Any) -> float | None:
    """Seconds to the peer and back, smoothed by the kernel."""
    info = _info(connection)
    if len(info) < _RTT_AT + 4:
        return None
    microseconds: int = struct.unpack_from("=I", info, _RTT_AT)[0]
    return microseconds / 1e6 if microseconds else None


def unacknowledged(connection: Any) -> int:
    """Bytes in the kernel's send buffer, sent or not, that the peer's TCP has not acknowledged; 0 where unknown."""
    queued = array.array("i", [0])
    try:
        fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, queued)
    except (OSError, AttributeError, ValueError):
        return 0
    return queued[0]


def unread(connection: Any) -> int:
    """Bytes in the kernel's receive buffer, come and not taken yet; 0 where unknown."""
    queued = array.array("i", [0])
    try:
        fcntl.ioctl(connection.fileno(), termios.FIONREAD, queued)
    except (OSError, AttributeError, ValueError):
        return 0
    return queued[0]


def bound_receiving(connection: Any) -> None:
    """Let the kernel take in no more than ``RECEIVE_BYTES`` for ``connection`` before somebody reads it."""
    with contextlib.suppress(OSError, AttributeError, NotImplementedError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)


def _info(connection: Any) -> bytes:
    """``struct tcp_info`` as far as the kernel fills it; empty where there is none."""
    option = getattr(socket, "TCP_INFO", None)
    if connection is None or option is None:
        return b""
    try:
        info: bytes = connection.getsockopt(socket.IPPROTO_TCP, option, 192)
    except (OSError, AttributeError, NotImplementedError):
        return b""
    return info
