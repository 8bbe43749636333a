"""A question to name servers: over UDP, and over TCP where the answer does not fit.

Enters: a message, its servers, and what reads an answer (ValueError: it is none to this question). Leaves: what that
made of the first good one. Fails with OSError, or the reader's ValueError, when no server told in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

PORT = 53
UDP_SECONDS = 2.0
TCP_SECONDS = 4.0
ROUNDS = 2
MOST_SERVERS = 3
RESOLV_CONF = "/etc/resolv.conf"
_MOST_CONF_BYTES = 64 * 1024


class Told(Protocol):
    """What a reader makes of an answer."""

    @property
    def truncated(self) -> bool:
        """Whether the whole is told over TCP only."""


T = TypeVar("T", bound=Told)
Read = Callable[[bytes], T]


def system_servers(path: str = RESOLV_CONF) -> list[tuple[str, int]]:
    """The name servers that this machine asks; one on this machine where none is named."""
    try:
        with open(path, encoding="latin-1") as file:
            text = file.read(_MOST_CONF_BYTES)
    except OSError:
        text = ""
    lines = [line.split() for line in text.splitlines()]
    hosts = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    return [(host, PORT) for host in hosts[:MOST_SERVERS] or ["127.0.0.1"]]


async def ask(message: bytes, servers: Sequence[tuple[str, int]], read: Read[T]) -> T:
    """Ask one server after the other, all of them twice."""
    failure: Exception = OSError("there is no name server")
    for host, port in [*servers] * ROUNDS:
        try:
            told = await _over_udp(message, host, port, read)
            return await _over_tcp(message, host, port, read) if told.truncated else told
        except TimeoutError:
            failure = OSError(f"the name server {host} did not answer in time")
        except (OSError, ValueError) as error:
            failure = error
    raise failure


class _Asking(asyncio.DatagramProtocol, Generic[T]):
    """Waits for a datagram that is an answer; others may come from anybody."""

    def __init__(self, read: Read[T], told: asyncio.Future[T]) -> None:
        self._read = read
        self._told = told
        self.refused: ValueError | None = None

    def datagram_received(self, data: bytes, addr: object) -> None:
        try:
            told = self._read(data)
        except ValueError as error:
            self.refused = error
            return
        if not self._told.done():
            self._told.set_result(told)

    def error_received(self, exc: Exception) -> None:
        if not self._told.done():
            self._told.set_exception(exc)


async def _over_udp(message: bytes, host: str, port: int, read: Read[T]) -> T:
    loop = asyncio.get_running_loop()
    told: asyncio.Future[T] = loop.create_future()
    # Connected: the kernel hands over what comes from that server only.
    transport, asking = await loop.create_datagram_endpoint(lambda: _Asking(read, told), remote_addr=(host, port))
    try:
        transport.sendto(message)
        async with asyncio.timeout(UDP_SECONDS):
            return await told
    except TimeoutError:
        if asking.refused is not None:
            raise asking.refused from None
        raise
    finally:
        transport.close()


async def _over_tcp(message: bytes, host: str, port: int, read: Read[T]) -> T:
    async with asyncio.timeout(TCP_SECONDS):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(len(message).to_bytes(2, "big") + message)
            length = int.from_bytes(await reader.readexactly(2), "big")
            told = read(await reader.readexactly(length))
        except asyncio.IncompleteReadError:
            raise OSError(f"the name server {host} broke off") from None
        finally:
            writer.close()
    if told.truncated:
        raise OSError(f"the name server {host} does not tell all over TCP either")
    return told
