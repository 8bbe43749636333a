"""A server of a bench in its own process, which at the end leaves no connection open, whoever is at the other end.

Enters: a maker of protocols that keep their ``_transport``. Leaves: the port, while it listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable


@contextlib.asynccontextmanager
async def listening(make: Callable[[], asyncio.Protocol], backlog: int = 100) -> AsyncIterator[int]:
    """See the module. A loop cannot be closed over connections whose callers were killed."""
    made: weakref.WeakSet[asyncio.Protocol] = weakref.WeakSet()

    def meet() -> asyncio.Protocol:
        protocol = make()
        made.add(protocol)
        return protocol

    server = await asyncio.get_running_loop().create_server(meet, "127.0.0.1", 0, backlog=backlog)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for protocol in list(made):
            transport = getattr(protocol, "_transport", None)
            if transport is not None:
                transport.abort()
        async with asyncio.timeout(10):
            await server.wait_closed()
