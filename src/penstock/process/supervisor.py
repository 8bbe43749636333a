"""The supervisor: owns the listening sockets, the key file and the control socket; runs the workers; hears signals.

With one worker it serves in this very process. With more, each is a process of its own on a socket of its own, which
stays open here: when a worker dies, the next one goes on with what waits in its queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable

from penstock.assemble_engines import OwnEngines
from penstock.config import Config
from penstock.core.tasks import Crew
from penstock.edge.config import ListenConfig
from penstock.net.server import bind
from penstock.process.children import WorkerProcess
from penstock.process.control import ControlSocket
from penstock.process.spec import Source, Spec
from penstock.process.team import Near, Team
from penstock.process.worker import Worker

log = logging.getLogger("penstock")

WATCH_SECONDS = 1.0
RESTART_SECONDS = 0.2


class Supervisor:
    """See the module. ``announce`` is called once all workers accept, with the port."""

    def __init__(self, source: Source, spec: Spec, config: Config, announce: Callable[[int], None]) -> None:
        self._source = source
        self._listen = config.of(ListenConfig)
        self._announce = announce
        self._sockets: list[socket.socket] = []
        self._crew = Crew("supervisor")
        self._stop = asyncio.Event()
        self._worker: Worker | None = None
        self._processes: dict[int, WorkerProcess] = {}
        self._engines = OwnEngines(self._crew)
        self._config = config
        self.team = Team(source, spec, self._engines.follow)
        self.reopen_logs: Callable[[], None] = lambda: None

    async def run(self) -> int:
        """Serve until told to stop. Returns the exit status. Raises OSError when the port is taken."""
        self._bind()
        port = self._sockets[0].getsockname()[1]
        control = ControlSocket(self.team, self._crew, port)
        try:
            await control.open()
            self._hear_signals()
            if self._listen.workers == 1:
                await self._serve_here()
            else:
                await self._serve_by_processes()
            self._crew.spawn(self._watch_file(), "watch the configuration")
            self._announce(port)
            await self._stop.wait()
            await self._drain()
        finally:
            control.close()
            for process in self._processes.values():
                process.kill()
            if self._worker is not None:
                await self._worker.aclose()
            await self._crew.aclose()
            for one in self._sockets:
                one.close()
        return 0

    def _bind(self) -> None:
        count = self._listen.workers
        first = bind(self._listen.host, self._listen.port, reuse_port=count > 1)
        self._sockets.append(first)
        port = first.getsockname()[1]
        for _ in range(1, count):
            self._sockets.append(bind(self._listen.host, port, reuse_port=True))

    def _hear_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._crew.spawn(self.team.reload(), "reload"))
        loop.add_signal_handler(signal.SIGUSR1, self._reopen)

    def _reopen(self) -> None:
        self.reopen_logs()
        for process in self._processes.values():
            process.signal(signal.SIGUSR1)

    async def _serve_here(self) -> None:
        worker = Worker(0, self.team, self._engines)
        await worker.open(self.team.spec, self._sockets[0].dup())
        self._worker = worker
        self.team.members[0] = Near(0, worker.answers)

    async def _serve_by_processes(self) -> None:
        await self._engines.follow(self._config)
        first = [self._start(number) for number in range(self._listen.workers)]
        await asyncio.gather(*(process.ready for process in first))

    def _start(self, number: int) -> WorkerProcess:
        process = WorkerProcess(number, self._sockets[number], self.team, self._crew, self._engines)
        self._processes[number] = process
        self._crew.spawn(self._keep(process), f"worker {number}")
        return process

    async def _keep(self, process: WorkerProcess) -> None:
        """Run one worker, and another after it whenever it dies."""
        number = process.number
        status = await process.run()
        self.team.members.pop(number, None)
        if self._stop.is_set():
            return
        if not process.ready.done():
            process.ready.set_exception(RuntimeError(f"worker {number} ended before it served (status {status})"))
            return
        log.error("worker %d (pid %d) ended with status %s; another takes its place", number, process.pid, status)
        await asyncio.sleep(RESTART_SECONDS)
        successor = self._start(number)
        with contextlib.suppress(Exception):
            await successor.ready

    async def _watch_file(self) -> None:
        """Reload when the configuration file changes and has been still for a round."""
        known = self._source.mark()
        seen = known
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            mark = self._source.mark()
            if mark != known and mark == seen and mark != (-1,):
                known = mark
                await self.team.reload()
            seen = mark

    async def _drain(self) -> None:
        seconds = self._listen.drain
        log.info("stopping: running calls may finish for %g s", seconds)
        for one in self._sockets[1:] if self._worker is not None else self._sockets:
            with contextlib.suppress(OSError):
                os.set_inheritable(one.fileno(), False)
        await self.team.ask_all("drain", seconds, within=seconds + 10)

    def __repr__(self) -> str:
        return f"<Supervisor of {self._listen.workers} workers>"
