"""A worker in a process of its own, as the supervisor holds it: started with its socket and one end of a link."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from typing import Any

import msgspec

from penstock.assemble_engines import OwnEngines
from penstock.core.tasks import Crew
from penstock.process.link import MAX_LINE_BYTES, Link
from penstock.process.team import Team


class WorkerProcess:
    """A Member of the team. ``ready`` is done when the worker accepts calls."""

    def __init__(self, number: int, listener: socket.socket, team: Team, crew: Crew, engines: OwnEngines) -> None:
        self._engines = engines
        self.number = number
        self._listener = listener
        self._team = team
        self._crew = crew
        self._process: asyncio.subprocess.Process | None = None
        self._link: Link | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        """The process id, or 0 before it runs."""
        return self._process.pid if self._process is not None else 0

    async def run(self) -> int:
        """Start it, answer its questions, and wait for its end. Returns its exit status."""
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "penstock.process.child",
                str(self.number), str(self._listener.fileno()), str(theirs.fileno()), str(os.getpid()),
                pass_fds=(self._listener.fileno(), theirs.fileno()),
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE_BYTES)
        link = self._link = Link(reader, writer, self._answers(), self._crew)
        self._crew.spawn(link.run(), f"link of worker {self.number}")
        status = await self._process.wait()
        link.close()
        return status

    def _answers(self) -> dict[str, Any]:
        team = self._team

        async def spec(_: Any) -> Any:
            return msgspec.to_builtins(team.spec)

        async def ready(_: Any) -> None:
            team.members[self.number] = self
            if not self.ready.done():
                self.ready.set_result(None)

        async def metrics(_: Any) -> str:
            return await team.metrics()

        async def status(_: Any) -> dict[str, Any]:
            return await team.status()

        async def calls(value: Any) -> list[dict[str, Any]]:
            return await team.calls(value["count"], value["id"])

        async def reload(_: Any) -> dict[str, Any]:
            return await team.reload()

        async def seats(value: Any) -> dict[str, Any]:
            return {"seats": self._engines.seats(value), "trouble": self._engines.trouble(value)}

        return {
            "seats": seats,
            "spec": spec,
            "ready": ready,
            "metrics": metrics,
            "status": status,
            "calls": calls,
            "reload": reload,
        }

    async def ask(self, name: str, value: Any = None, *, within: float = 5.0) -> Any:
        """Ask the worker over its link. Raises LinkError."""
        assert self._link is not None
        return await self._link.ask(name, value, within=within)

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)

    def __repr__(self) -> str:
        return f"<WorkerProcess {self.number} pid {self.pid}>"
