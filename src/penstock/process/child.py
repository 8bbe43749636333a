"""The main of a worker process: takes its socket and its link from the supervisor, serves until drained.

It ends with the supervisor: when the link ends, it stops accepting, calls are drained, and the process ends.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from typing import Any

import msgspec

from penstock.assemble_keys import KeyFileError
from penstock.assemble_observation import install_logs
from penstock.config import ConfigError
from penstock.core.marks import Marks
from penstock.core.tasks import Crew
from penstock.process.asked import JOURNAL_SECONDS, LEADER_SECONDS, POOLS_SECONDS, RESIZE_SECONDS, STREAM_SECONDS
from penstock.process.children import JOIN_SECONDS
from penstock.process.far_engine import FarEngines
from penstock.process.link import Link, LinkError, link_over
from penstock.process.live_changes import LONGEST_WAIT_SECONDS
from penstock.process.loop import began, run, settle_collector
from penstock.process.spec import Spec
from penstock.process.team import RELOAD_SECONDS
from penstock.process.worker import Worker

log = logging.getLogger("penstock")


class FarFleet:
    """The Fleet of a worker process: asks the supervisor, which asks everybody."""

    def __init__(self) -> None:
        self.link: Link | None = None

    async def ask(self, name: str, value: Any = None, *, within: float = 10.0) -> Any:
        """Ask the supervisor. Raises LinkError."""
        if self.link is None:
            raise LinkError(f"{name}: there is no link yet")
        return await self.link.ask(name, value, within=within)

    async def metrics(self) -> str:
        """Prometheus text."""
        return str(await self.ask("metrics"))

    async def status(self) -> dict[str, Any]:
        """What is running."""
        return dict(await self.ask("status"))

    async def calls(self, count: int, request_id: str) -> list[dict[str, Any]]:
        """The newest calls."""
        return list(await self.ask("calls", {"count": count, "id": request_id}))

    async def upstreams(self, model: str) -> dict[str, Any]:
        """Every upstream."""
        return dict(await self.ask("upstreams", model))

    async def change_upstream(self, question: dict[str, Any]) -> dict[str, Any]:
        """Change an upstream while serving."""
        return dict(await self.ask("change", question, within=3 * RELOAD_SECONDS + LONGEST_WAIT_SECONDS))

    async def settings(self, question: dict[str, Any]) -> dict[str, Any]:
        """Settings changed live, or other ones."""
        return dict(await self.ask("settings", question, within=3 * RELOAD_SECONDS))

    async def decisions(self, question: dict[str, Any]) -> dict[str, Any]:
        """How a call would be routed, or the last ones were."""
        return dict(await self.ask("decisions", question))

    async def journal(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Rows of the journal."""
        return dict(await self.ask("journal", asked, within=JOURNAL_SECONDS + 5.0))

    async def windows(self, after: float) -> list[str]:
        """The windows of all workers."""
        return list(await self.ask("windows", after))

    async def leader(self, part: str, question: dict[str, Any]) -> dict[str, Any]:
        """What the worker that gathers them says."""
        return dict(await self.ask("leader", {"part": part, "question": question}, within=LEADER_SECONDS + 5.0))

    async def session(self, question: dict[str, Any]) -> dict[str, Any]:
        """Open or end a session of the dashboard."""
        return dict(await self.ask("session", question))

    async def pools(self, question: dict[str, Any]) -> dict[str, Any]:
        """Pools of replicas, which the supervisor keeps."""
        within = RESIZE_SECONDS if question.get("do") == "resize" else POOLS_SECONDS
        return dict(await self.ask("pools", question, within=within))

    async def demand(self, pools: list[str]) -> list[dict[str, Any]]:
        """What each worker has to do with pools."""
        return list(await self.ask("demand", pools))

    async def live_now(self) -> dict[str, Any]:
        """How it is just now."""
        return dict(await self.ask("live"))

    async def trial_list(self) -> dict[str, Any]:
        """Models with a new version on trial."""
        return dict(await self.ask("trials"))

    async def decide(self, model: str, asked: str) -> bool:
        """End a trial, or take it up again."""
        return bool(await self.ask("decide", {"model": model, "asked": asked}))

    async def stream(self, owner: int, question: dict[str, Any]) -> dict[str, Any]:
        """Ask another worker about a stream that it keeps."""
        return dict(await self.ask("stream", {"worker": owner, "question": question}, within=STREAM_SECONDS + 5.0))

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again."""
        return dict(await self.ask("reload", within=3 * RELOAD_SECONDS))


async def serve(number: int, listener: socket.socket, link_socket: socket.socket) -> int:
    """Serve until the supervisor says drain, or is gone. Returns the exit status."""
    fleet = FarFleet()
    worker = Worker(number, fleet, FarEngines(fleet.ask))
    worker.gateway.warm.marks = marks = Marks(began())
    marks.mark("code loaded", worker.gateway.clock.now())
    crew = Crew(f"child-{number}")
    over = asyncio.Event()

    async def drain(seconds: Any) -> None:
        await worker.answers["drain"](seconds)
        over.set()

    async def leave(seconds: Any) -> None:
        await worker.answers["leave"](seconds)
        over.set()

    answers = {**worker.answers, "drain": drain, "leave": leave}
    fleet.link, reading = await link_over(link_socket, answers, crew)
    reading.add_done_callback(lambda _: over.set())
    try:
        spec = msgspec.convert(await fleet.ask("spec"), Spec)
        _log_as(spec)
        worker.gateway.warm.starting = True
        await worker.open(spec, listener)
        await fleet.ask("ready", within=JOIN_SECONDS)
    except (ConfigError, KeyFileError, LinkError, OSError) as error:
        log.error("worker %d cannot serve: %s", number, error)
        await crew.aclose()
        return 1
    settle_collector()
    worker.gateway.warm.starting = False
    await over.wait()
    if reading.done():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nobody else is left to end it
        await worker.answers["drain"](None)
    await worker.aclose()
    await crew.aclose()
    return 0


def _log_as(spec: Spec) -> None:
    """Log as configured; SIGUSR1 opens the file again."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, install_logs(spec.parse(os.environ)))


def main(argv: list[str]) -> int:
    """``child NUMBER LISTENER_FD LINK_FD PARENT_PID``."""
    number, listener_fd, link_fd, parent = map(int, argv)
    gc.disable()  # until it serves, as in cli/serve.py
    # Signals that reach every process of a group or service: the supervisor alone decides what they mean.
    for ours in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(ours, signal.SIG_IGN)
    if os.getppid() != parent:
        return 1
    return run(serve(number, socket.socket(fileno=listener_fd), socket.socket(fileno=link_fd)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
