"""Who listens on a port of this machine, and whose process it is, as far as /proc tells (Linux; elsewhere nobody's).

A port that was free a moment ago, and that a child is told to take, may be taken by another user's process first: it
would be sent what was meant for the child.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from typing import NamedTuple

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENING = "0A"
_HERE = {f"{int.from_bytes(socket.inet_aton(one), sys.byteorder):08X}" for one in ("127.0.0.1", "0.0.0.0")}
_HERE_SIX = {"0" * 32}
"""Who listens on all addresses of IPv6 is reached by IPv4, too."""
ROOT = 0


class Listener(NamedTuple):
    """``address`` as the kernel writes it, in hexadecimal; ``user``: its process runs as."""

    address: str
    user: int
    inode: int


def listeners(table: str, port: int) -> Iterator[Listener]:
    """Who listens on ``port``, by one of TABLES."""
    with contextlib.suppress(OSError), open(table, encoding="ascii") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            address, _, number = fields[1].rpartition(":")
            if fields[3] == _LISTENING and int(number, 16) == port:
                yield Listener(address, int(fields[7]), int(fields[9]))


def strangers(port: int, session: int) -> set[int]:
    """The users whose processes 127.0.0.1:``port`` reaches, but for ours, root, and those of ``session``."""
    users = set[int]()
    for table, here in zip(TABLES, (_HERE, _HERE_SIX), strict=True):
        users = users or {one.user for one in listeners(table, port) if one.address in here}
    users -= {os.geteuid(), ROOT}
    return users - _users_of(session) if users else users


def _users_of(session: int) -> set[int]:
    """As whom the processes of a session run."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
            if int(file.read().rpartition(")")[2].split()[3]) == session:
                found.add(os.stat(f"/proc/{name}").st_uid)
    return found
