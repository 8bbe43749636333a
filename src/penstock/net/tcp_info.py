"""What the kernel knows about a TCP connection (Linux ``TCP_INFO``). Absent elsewhere: answers None."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
import termios
from typing import Any

_BYTES_ACKED_AT = 120
"""Offset of ``tcpi_bytes_acked`` (u64) in ``struct tcp_info``, Linux 4.1 and later."""
_RTT_AT = 68
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
