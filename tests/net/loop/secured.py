"""TLS between protocols of the running loop, or with a peer on Python's own TLS socket."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

from tests.net.loop.pairs import Noting, tcp_pair

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
"""Of a server, and of a client that trusts it."""


async def both(contexts: Contexts, server: Noting, client: Noting, buffers: int | None = None) -> tuple[Any, Any]:
    """TLS between two protocols of this loop; the transports of both."""
    loop = asyncio.get_running_loop()
    here, there = tcp_pair(buffers)
    accepted = loop.create_task(loop.connect_accepted_socket(lambda: server, there, ssl=contexts[0]))
    made, _ = await loop.create_connection(lambda: client, sock=here, ssl=contexts[1], server_hostname="localhost")
    return (await accepted)[0], made


async def by_thread(sock: socket.socket, context: ssl.SSLContext, talk: Callable[[ssl.SSLSocket], Any]) -> Any:
    """A peer on Python's own TLS socket, in a thread."""

    def work() -> Any:
        sock.setblocking(True)
        sock.settimeout(5)
        with context.wrap_socket(sock, server_hostname="localhost") as secured:
            return talk(secured)

    return await asyncio.to_thread(work)
