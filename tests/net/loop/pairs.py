"""Connections of which one end is a transport of the running loop, and the other a plain socket in the test's hand."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.loops import LOOPS

on_loops_of_python = pytest.mark.parametrize("run", LOOPS[:2])
"""Ours, and asyncio's, by which it is measured."""


class Noting(asyncio.Protocol):
    """Notes what it is told. ``keep``: its side stays open when the peer ends; ``acts``: called with what came."""

    def __init__(self, keep: bool = False, acts: Callable[[bytes], Any] | None = None) -> None:
        self.keep, self.acts = keep, acts
        self.told: list[Any] = []
        self.got = bytearray()
        self.transport: Any = None
        self.lost: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.got += data
        if self.acts is not None:
            self.acts(data)

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self.keep

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.told.append("lost")
        self.lost.set_result(exc)


class Notings(list[Noting]):
    """Makes protocols, for a server, and has them all."""

    def __call__(self) -> Noting:
        self.append(Noting())
        return self[-1]


def tcp_pair(buffers: int | None = None) -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection; the kernel's ``buffers`` are small where a size is given."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        sizes = [] if buffers is None else [(socket.SO_RCVBUF, buffers), (socket.SO_SNDBUF, buffers)]
        for option, size in sizes:
            listener.setsockopt(socket.SOL_SOCKET, option, size)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        here = socket.socket(proto=socket.IPPROTO_TCP)
        for option, size in sizes:
            here.setsockopt(socket.SOL_SOCKET, option, size)
        here.connect(listener.getsockname())
        there, _ = listener.accept()
    here.setblocking(False)
    there.setblocking(False)
    return here, there


async def connected(protocol: Any, buffers: int | None = None) -> tuple[Any, socket.socket]:
    """A transport for ``protocol``, and the peer's socket."""
    here, there = tcp_pair(buffers)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, there)
    return transport, here


def reset(peer: socket.socket) -> None:
    """Close so that the other side meets an error."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


async def read_all(peer: socket.socket) -> bytes:
    """Until its end."""
    got = bytearray()
    while data := await asyncio.get_running_loop().sock_recv(peer, 65536):
        got += data
    return bytes(got)


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop go round until ``condition`` holds. TimeoutError after 5 s."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0.001)


@contextlib.contextmanager
def reports() -> Iterator[list[dict[str, Any]]]:
    """What the running loop's exception handler is told."""
    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))
    try:
        yield told
    finally:
        loop.set_exception_handler(None)
