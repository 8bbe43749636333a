"""A control socket that answers as its test says, in a thread of its own: for commands that ask a running gateway."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from penstock.core.tasks import Crew
from penstock.process.control import ControlSocket, ask_gateway

PORT = 9126
"""Nobody listens there: it names a control socket."""


class AskedGateway:
    """``answers`` by the question's name (an exception is raised); ``asked`` is what came."""

    def __init__(self, port: int) -> None:
        self.given: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        self._port = port
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    @property
    def answers(self) -> Any:
        def answer(name: str) -> Any:
            async def told(value: Any) -> Any:
                self.asked.append((name, value))
                if isinstance(self.given[name], Exception):
                    raise self.given[name]
                return self.given[name]

            return told

        async def bye(_: Any) -> None: ...

        return {name: answer(name) for name in self.given} | {"bye": bye}

    async def _serve(self) -> None:
        self._loop, self._over, crew = asyncio.get_running_loop(), asyncio.Event(), Crew("test")
        control = ControlSocket(self, crew, self._port)  # type: ignore[arg-type]
        await control.open()
        self._ready.set()
        await self._over.wait()
        await ask_gateway(self._port, "bye")  # whoever only knocked has been let in, and out, before this is answered
        control.close()
        await crew.aclose()

    def end(self) -> None:
        """Answer no more."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)


@contextlib.contextmanager
def asked_gateway(port: int) -> Iterator[AskedGateway]:
    """One on ``port``."""
    gateway = AskedGateway(port)
    try:
        yield gateway
    finally:
        gateway.end()
