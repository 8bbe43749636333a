"""What both kinds of transport, the socket's and TLS's, have in common: the loop's turns, and who is told.

May fail: not at all.
"""

from __future__ import annotations

from asyncio import BufferedProtocol
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.net.loop.turns import Turns


class Base:
    """See the module. ``_buffered``: the protocol reads into a buffer of its own."""

    __slots__ = ("_buffered", "_protocol", "_turns")

    def __init__(self, turns: Turns, protocol: Any) -> None:
        self._turns = turns
        self._protocol: Any = protocol
        self._buffered = isinstance(protocol, BufferedProtocol)

    def set_protocol(self, protocol: Any) -> None:
        """Who is told from now on."""
        self._protocol = protocol
        self._buffered = isinstance(protocol, BufferedProtocol)

    def get_protocol(self) -> Any:
        """Who is told."""
        return self._protocol

    def _force_close(self, error: BaseException | None) -> None:
        raise NotImplementedError


def plain(data: Any) -> bytes:
    """What is written, as bytes of our own: whose a buffer is may change it. Raises TypeError for what is none."""
    return data if isinstance(data, bytes) else bytes(memoryview(data))
