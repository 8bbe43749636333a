"""The composition root's part for the end of a worker: in order, within a time, and every caller told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from penstock.core.errors import GatewayError

if TYPE_CHECKING:
    from penstock.assemble import Gateway

POLL_SECONDS = 0.02
WRITE_SECONDS = 1.0
"""For the errors of calls that were ended to reach their callers."""


class Draining:
    """The end of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._until = 0.0
        self._done = asyncio.Event()
        self.renewed = False
        """Whether it is this worker alone that ends, and another one serves in its place."""

    async def drain(self, seconds: float, *, renewed: bool = False) -> None:
        """Stop accepting, let running calls finish for ``seconds``, then end each with an error it can understand.

        Asked again meanwhile, it ends at the earlier of the two moments. ``renewed``: another process accepts on the
        same socket, so no caller need notice: idle connections stay until their next call has been answered.
        """
        gateway = self._gateway
        until = gateway.clock.now() + seconds
        server = gateway.server
        self.renewed = renewed and (self.renewed or not gateway.endpoint.stopping)
        if gateway.endpoint.stopping:
            self._until = min(self._until, until)
            if not renewed:
                server.stop_accepting()
            await self._done.wait()
            return
        self._until = until
        gateway.endpoint.stopping = True
        if renewed:
            server.leave()
        else:
            server.stop_accepting()
        while server.open and gateway.clock.now() < self._until:  # noqa: ASYNC110 - once in a life, and short
            await asyncio.sleep(POLL_SECONDS)
        stopping = GatewayError("the gateway is shutting down", code="gateway_stopping", retry_after=1, phase="drain")
        server.end_all(stopping)
        written_by = gateway.clock.now() + WRITE_SECONDS
        while server.open and gateway.clock.now() < written_by:  # noqa: ASYNC110 - as above
            await asyncio.sleep(POLL_SECONDS)
        server.abort_all()
        gateway.write_down()
        self._done.set()
