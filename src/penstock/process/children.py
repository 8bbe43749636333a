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
from penstock.process.link import Answers, Link, LinkError, link_over
from penstock.process.spec import Spec
from penstock.process.team import RELOAD_SECONDS, Team

JOIN_SECONDS = 2 * RELOAD_SECONDS + 5.0
"""What a worker that has just started may have to wait for: a reload under way, and one of its own."""


class WorkerProcess:
    """A Member of the team: one life of one process. Sets ``served`` once it accepts calls."""

    def __init__(
        self,
        number: int,
        listener: socket.socket,
        team: Team,
        crew: Crew,
        engines: OwnEngines,
        served: asyncio.Event,
    ) -> None:
        self.number = number
        self._served = served
        self._listener = listener
        self._team = team
        self._crew = crew
        self._engines = engines
        self._process: asyncio.subprocess.Process | None = None
        self._link: Link | None = None
        self._spec: Spec = team.spec

    @property
    def pid(self) -> int:
        """The process id, or 0 before it runs."""
        return self._process.pid if self._process is not None else 0

    async def run(self) -> int:
        """Start it, answer its questions, and wait for its end. Returns its exit status (negative: the signal)."""
        ours, theirs = socket.socketpair()
        try:
            descriptors = self._listener.fileno(), theirs.fileno()
            # A session of its own: the terminal's Ctrl-C is the supervisor's to act on.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "penstock.process.child",
                str(self.number), *map(str, descriptors), str(os.getpid()),
                pass_fds=descriptors, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            self._link, _ = await link_over(ours, self._answers(), self._crew)
        except BaseException:
            ours.close()
            self.kill()
            raise
        finally:
            theirs.close()
        status = await self._process.wait()
        self._link.close()
        self._team.forget(self)
        return status

    def _answers(self) -> Answers:
        """What a worker may ask: what concerns all of them, and what only the supervisor has."""
        return {**self._team.answers, "spec": self._tell_spec, "ready": self._join, "seats": self._tell_seats}

    async def _tell_spec(self, _: Any) -> Any:
        self._spec = self._team.spec
        return msgspec.to_builtins(self._spec)

    async def _join(self, _: Any) -> None:
        await self._team.join(self, self._spec)
        self._served.set()

    async def _tell_seats(self, key: Any) -> dict[str, Any]:
        return self._engines.seats(str(key))

    async def ask(self, name: str, value: Any = None, *, within: float = 5.0) -> Any:
        """Ask the worker over its link. Raises LinkError."""
        if self._link is None:
            raise LinkError(f"{name}: the worker has not been started")
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
