"""What the kernel knows about a TCP connection (Linux ``TCP_INFO``). Absent elsewhere: answers None."""

from __future__ import annotations

import socket
import struct
from typing import Any

_BYTES_ACKED_AT = 120
"""Offset of ``tcpi_bytes_acked`` (u64) in ``struct tcp_info``, Linux 4.1 and later."""


def bytes_acked(connection: Any) -> int | None:
    """Bytes that the peer's TCP has acknowledged over the life of ``connection`` (its SYN counts as one)."""
    option = getattr(socket, "TCP_INFO", None)
    if connection is None or option is None:
        return None
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, option, 192)
    except (OSError, AttributeError, NotImplementedError):
        return None
    if len(info) < _BYTES_ACKED_AT + 8:
        return None
    acked: int = struct.unpack_from("=Q", info, _BYTES_ACKED_AT)[0]
    return acked
