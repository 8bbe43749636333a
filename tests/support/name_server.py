"""A name server on 127.0.0.1, over UDP and TCP on one port, that answers as its test says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

Answering = Callable[[bytes, bool], list[bytes]]
"""Datagrams to answer a question with; the flag says that it came over TCP, where the first one is the answer."""


class NameServer(asyncio.DatagramProtocol):
    """``asked`` counts questions over UDP and TCP."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.asked = {"udp": 0, "tcp": 0}
        self.port = 0
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked["udp"] += 1
        for answer in self.answering(data, False):
            self._transport.sendto(answer, addr)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        self.asked["tcp"] += 1
        for answer in self.answering(await reader.readexactly(length), True)[:1]:
            writer.write(len(answer).to_bytes(2, "big") + answer)
        writer.close()


@contextlib.asynccontextmanager
async def name_server(answering: Answering) -> AsyncIterator[NameServer]:
    """One that runs."""
    server = NameServer(answering)
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    loop = asyncio.get_running_loop()
    udp, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", server.port))
    tcp = await asyncio.start_server(server.meet, sock=listener)
    try:
        yield server
    finally:
        udp.close()
        tcp.close()


def srv_answer(question: bytes, records: list[tuple[int, int, int, str]], flags: int = 0x8180) -> bytes:
    """An answer with these records: priority, weight, port and target."""
    counts = (1).to_bytes(2, "big") + len(records).to_bytes(2, "big") + bytes(4)
    asked = question[12:-11]
    told = b""
    for priority, weight, port, target in records:
        name = b"".join(bytes([len(label)]) + label for label in target.encode().split(b".")) + b"\0"
        data = b"".join(number.to_bytes(2, "big") for number in (priority, weight, port)) + name
        told += b"\xc0\x0c\0\x21\0\x01\0\0\0\x1e" + len(data).to_bytes(2, "big") + data
    return question[:2] + flags.to_bytes(2, "big") + counts + asked + told
