"""Tells what started us (systemd, ``Type=notify``) how far we are, where it asked to be told.

Enters: a state such as ``READY=1``, and the environment with ``NOTIFY_SOCKET``. Leaves: a datagram. Never fails: a word
that cannot be said changes nothing about serving.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger("penstock")

VARIABLE = "NOTIFY_SOCKET"


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Say ``state``. Returns whether somebody is told."""
    address = environ.get(VARIABLE, "")
    if not address.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            # A name that begins with @ lies in no file system.
            out.connect(f"\0{address[1:]}" if address[0] == "@" else address)
            out.send(state.encode())
    except OSError as error:
        log.warning("%s cannot be told to %s (%s): %s", state, address, VARIABLE, error)
        return False
    return True
