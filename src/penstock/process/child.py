"""The main of a worker process: takes its socket and its link from the supervisor, serves until drained.

It dies with the supervisor: when the link ends, calls are drained and the process ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import Any

import msgspec

from penstock.core.tasks import Crew
from penstock.edge.config import ListenConfig
from penstock.observe.config import ObserveConfig
from penstock.observe.log_stream import install
from penstock.process.far_engine import FarEngines
from penstock.process.link import MAX_LINE_BYTES, Link
from penstock.process.loop import run
from penstock.process.spec import Spec
from penstock.process.worker import Worker


class FarFleet:
    """The Fleet of a worker process: asks the supervisor, which asks everybody."""

    def __init__(self) -> None:
        self.link: Link | None = None

    async def ask(self, name: str, value: Any = None) -> Any:
        """Ask the supervisor. Raises LinkError."""
        assert self.link is not None
        return await self.link.ask(name, value, within=40.0)

    async def metrics(self) -> str:
        """Prometheus text."""
        return str(await self.ask("metrics"))

    async def status(self) -> dict[str, Any]:
        """What is running."""
        return dict(await self.ask("status"))

    async def calls(self, count: int, request_id: str) -> list[dict[str, Any]]:
        """The newest calls."""
        return list(await self.ask("calls", {"count": count, "id": request_id}))

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again."""
        return dict(await self.ask("reload"))


async def serve(number: int, listener: socket.socket, link_socket: socket.socket) -> None:
    """Serve until the supervisor says drain, or is gone."""
    fleet = FarFleet()
    worker = Worker(number, fleet, FarEngines(fleet.ask))
    crew = Crew(f"child-{number}")
    done = asyncio.Event()

    async def drain(seconds: Any) -> None:
        await worker.answers["drain"](seconds)
        done.set()

    reader, writer = await asyncio.open_unix_connection(sock=link_socket, limit=MAX_LINE_BYTES)
    link = fleet.link = Link(reader, writer, {**worker.answers, "drain": drain}, crew)
    reading = crew.spawn(link.run(), "link")
    reading.add_done_callback(lambda _: done.set())
    spec = msgspec.convert(await link.ask("spec"), Spec)
    _log_as(spec)
    await worker.open(spec, listener)
    await link.ask("ready")
    await done.wait()
    if not worker.gateway.endpoint.stopping:
        await worker.gateway.drain(worker.gateway.config.of(ListenConfig).drain)
    await worker.aclose()
    await crew.aclose()


def _log_as(spec: Spec) -> None:
    """Log as configured; SIGUSR1 opens the file again."""
    section = spec.parse(os.environ).of(ObserveConfig)
    stream = install(section.log_file, section.log_level)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, stream.reopen)


def main(argv: list[str]) -> int:
    """``child NUMBER LISTENER_FD LINK_FD PARENT_PID``."""
    number, listener_fd, link_fd, parent = map(int, argv)
    # The terminal's Ctrl-C reaches every process: the supervisor alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.getppid() != parent:
        return 1
    run(serve(number, socket.socket(fileno=listener_fd), socket.socket(fileno=link_fd)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
