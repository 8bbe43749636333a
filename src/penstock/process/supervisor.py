"""The supervisor: owns the listening sockets, the engines and the control socket; runs the workers; hears signals.

With one worker it serves in this very process. With more, each is a process of its own on a socket of its own, which
stays open here: when a worker dies, the next one goes on with what waits in its queue.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from penstock.assemble_discovery import discovery, follow
from penstock.assemble_engines import OwnEngines
from penstock.assemble_pools import Scaled
from penstock.config import Config
from penstock.core.marks import Marks, Span
from penstock.core.tasks import Crew
from penstock.edge.config import ListenConfig
from penstock.net.server import bind
from penstock.process.asked import Near
from penstock.process.children import WorkerProcess
from penstock.process.control import ControlSocket
from penstock.process.loop import settle_collector
from penstock.process.place import Place, ended, renew_all
from penstock.process.spec import Source, Spec
from penstock.process.team import Team
from penstock.process.worker import Worker, tls_context
from penstock.routing.config import RoutingConfig

log = logging.getLogger("penstock")

WATCH_SECONDS = 1.0
START_SECONDS = 60.0
PROFILE_SECONDS = 30.0
FIND_SECONDS = 5.0
"""So long the start waits for instances to be found; what is found later is taken over while serving."""
LINGER_SECONDS = 90.0
"""Beyond what a call may take: a renewed worker waits so long for callers that keep idle connections."""


class CannotServe(Exception):
    """A worker process did not come to serve."""


class Supervisor:
    """``announce`` is called once all workers accept; ``reopen_logs`` on SIGUSR1; ``marks``: where the start went."""

    def __init__(
        self,
        source: Source,
        spec: Spec,
        config: Config,
        announce: Callable[[], None],
        reopen_logs: Callable[[], None] = lambda: None,
        marks: Marks | None = None,
    ) -> None:
        self._source = source
        self._config = config
        self._workers = config.of(ListenConfig).workers
        self._announce = announce
        self._reopen_logs = reopen_logs
        self._marks = marks
        self._sockets: list[socket.socket] = []
        self._crew = Crew("supervisor")
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._worker: Worker | None = None
        self.tell_profile: Callable[[dict[int, list[Span]]], None] = lambda _: None
        self._places: list[Place] = []
        self._keeping: list[asyncio.Task[str]] = []
        self._restarting = asyncio.Lock()
        self._engines = OwnEngines(self._crew)
        self._engines_end: asyncio.Task[None] | None = None
        self.team = Team(source, spec, self._follow)
        self.team.reading.know(spec, config)
        self._discovery = discovery(self._crew, self.team.live.found)
        self._scaled = Scaled(self._crew, lambda: self._config, self.team, self._engines)
        self.team.scaled = self._scaled.ask
        self.team.looks = self._discovery.numbers
        self.team.loads = self._engines.loads
        self.team.restart = self.restart

    def bind(self) -> int:
        """Take the port, before anything else is started or written. Returns it. Raises OSError when it is taken."""
        listen = self._config.of(ListenConfig)
        port = listen.port
        if self._workers > 1 and port:
            bind(listen.host, port).close()  # sockets that share a port would share it with a second gateway too
        for _ in range(self._workers):
            self._sockets.append(bind(listen.host, port, reuse_port=self._workers > 1))
            port = int(self._sockets[0].getsockname()[1])
        return port

    async def run(self) -> int:
        """Serve on the sockets that ``bind`` took until told to stop. Returns the exit status.

        Raises ConfigError and CannotServe.
        """
        tls_context(self._config)  # before any worker finds out
        port = int(self._sockets[0].getsockname()[1])
        control = ControlSocket(self.team, self._crew, port)
        try:
            self._hear_signals()
            await self._open(control)
            follow(self._discovery, self._config)
            self._scaled.follow(self._config)
            await self._discovery.looked(FIND_SECONDS)
            if self._workers == 1:
                await self._serve_here()
            else:
                await self._serve_by_processes()
            if not self._stop.is_set():
                settle_collector()
                self._crew.spawn(self._watch_file(), "watch the configuration")
                self._crew.spawn(self.team.trials.run(), "judge new versions")
                self._announce()
                if self._worker is not None:
                    self._worker.gateway.warm.starting = False
                if self._marks is not None:
                    self._crew.spawn(self._profile(self._marks), "profile of the start")
                await self._stop.wait()
            await self._drain()
        finally:
            control.close()
            await self._end()
        return 0

    async def _profile(self, marks: Marks) -> None:
        """Say where the time of the start went, when all of it is over or has taken too long."""
        marks.mark("workers serve", time.monotonic())
        told = await self.team.ask_all("profile", PROFILE_SECONDS, within=PROFILE_SECONDS + 5.0)
        self.tell_profile({one["worker"]: [Span(*span) for span in one["spans"]] for one in told})

    # ---- signals

    def _hear_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._crew.spawn(self.team.reload(), "reload"))
        loop.add_signal_handler(signal.SIGUSR1, self._reopen)
        loop.add_signal_handler(signal.SIGUSR2, lambda: self._crew.spawn(self.restart(), "restart"))

    def _told_to_stop(self) -> None:
        """The first time: running calls may finish. The second: they end now."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def _reopen(self) -> None:
        try:
            self._reopen_logs()
        except OSError as error:
            log.error("the log file cannot be opened again, the old one stays in use: %s", error)
        for place in self._places:
            place.signal(signal.SIGUSR1)

    # ---- start

    @staticmethod
    async def _open(control: ControlSocket) -> None:
        try:
            await control.open()
        except OSError as error:
            log.warning("'penstock reload' will not reach this gateway (SIGHUP does): %s", error)

    async def _serve_here(self) -> None:
        worker = Worker(0, self.team, self._engines)
        spec = self.team.spec
        worker.reading = self.team.reading  # in one process one reading will do
        worker.gateway.warm.starting = True
        if self._marks is not None:
            self._marks.mark("supervisor", began := worker.gateway.clock.now())
            worker.gateway.warm.marks = Marks(began)
        await worker.open(spec, self._sockets[0].dup())
        self._worker = worker
        await self.team.join(Near(0, worker.answers), spec)

    async def _serve_by_processes(self) -> None:
        """Start the workers, and wait until each serves. Raises CannotServe."""
        self._engines.start(self._config)
        served = [asyncio.Event() for _ in range(self._workers)]
        self._places = [
            Place(number, partial(self._made, number), self._stop, self._crew) for number in range(self._workers)
        ]
        self._keeping = [
            self._crew.spawn(place.keep(event), f"worker {place.number}")
            for place, event in zip(self._places, served, strict=True)
        ]
        started = self._crew.spawn(_all(served), "start")
        stopped = self._crew.spawn(self._stop.wait(), "stop")
        await asyncio.wait(
            {started, stopped, *self._keeping}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        for task in self._keeping:
            if task.done() and task.result():
                raise CannotServe(task.result())
        if not started.done() and not self._stop.is_set():
            raise CannotServe(f"a worker did not come to serve within {START_SECONDS:g} s")

    def _made(self, number: int, served: asyncio.Event) -> WorkerProcess:
        return WorkerProcess(number, self._sockets[number], self.team, self._crew, self._engines, served)

    # ---- while serving

    async def restart(self) -> dict[str, Any]:
        """Another process in each worker's place, one after another: each takes over before the old one leaves."""
        total = self._config.of(RoutingConfig).timeouts.total
        return await renew_all(self._places, self._restarting, START_SECONDS, total + LINGER_SECONDS)

    async def _watch_file(self) -> None:
        """Reload when the configuration file changes and has been still for a round."""
        known = seen = self._source.mark()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            mark = self._source.mark()
            if mark != known and mark == seen and mark != (-1,):
                known = mark
                await self.team.reload()
            seen = mark

    def _follow(self, config: Config) -> None:
        """After a change: what it wants is looked for and runs, and engines that nobody wants or uses any more end."""
        self._config = config
        self._engines.start(config)
        follow(self._discovery, config)
        self._scaled.follow(config)
        if self._engines_end is None or self._engines_end.done():
            self._engines_end = self._crew.spawn(self._end_engines(), "end engines")

    async def _end_engines(self) -> None:
        while self._engines.unwanted(self._config):
            asked = len(self.team.members) + sum(map(len, self.team.leaving.values()))
            answers = await self.team.ask_all("dump", leaving=True)
            if len(answers) == asked:  # one that is silent may be using any
                used = {key for answer in answers for key in answer["engines"]}
                await self._engines.end(self._engines.unwanted(self._config) - used)
            await asyncio.sleep(WATCH_SECONDS)

    # ---- stop

    async def _drain(self) -> None:
        """Accept no more, and let running calls finish: as long as configured, or until told a second time."""
        seconds = self._config.of(ListenConfig).drain
        log.info("stopping: running calls may finish for %g s", seconds)
        self._close_sockets()
        for place in self._places:
            for process in place.leaving:  # what it was given more time for has to end now, too
                self._crew.spawn(process.ask("drain", seconds, within=seconds + 10), "drain")
        draining = self._crew.spawn(self.team.ask_all("drain", within=seconds + 10), "drain")
        hurried = self._crew.spawn(self._hurry.wait(), "hurry")
        await asyncio.wait({draining, hurried}, return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            log.info("told again: running calls end now")
            await self.team.ask_all("drain", 0.0)

    async def _end(self) -> None:
        """Leave nothing behind."""
        self._stop.set()
        if self._keeping:
            lives = {process: life for place in self._places for process, life in place.lives.items()}
            told = [*self.team.members.values(), *(one for those in self.team.leaving.values() for one in those)]
            for process in lives:
                if process not in told:
                    process.kill()  # it does not serve yet
            await ended(lives.values(), 2.0)  # the others are drained, and end by themselves
            for process in lives:
                process.kill()
            await ended(lives.values(), 5.0)
        if self._worker is not None:
            await self._worker.aclose()
        await self._scaled.aclose()
        await self._crew.aclose()
        self._close_sockets()

    def _close_sockets(self) -> None:
        for one in self._sockets:
            one.close()

    def __repr__(self) -> str:
        return f"<Supervisor of {self._workers} workers>"


async def _all(events: Iterable[asyncio.Event]) -> None:
    for event in events:
        await event.wait()
