"""Who holds a TCP port on this machine, as far as /proc tells (Linux; elsewhere nobody is named)."""

from __future__ import annotations

import contextlib
import os

from penstock.net.listeners import TABLES, listeners


def port_owner(port: int) -> str:
    """``name (pid N)`` of the process that listens on ``port``; empty when it cannot be told."""
    inodes = {f"socket:[{one.inode}]" for table in TABLES for one in listeners(table, port)}
    if not inodes:
        return ""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") in inodes:
                    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                        return f"{file.read().strip()} (pid {pid})"
    return ""
