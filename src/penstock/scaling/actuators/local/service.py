"""Replicas that are processes of this machine: any command that serves HTTP on the port it is told.

Enters: how many. Leaves: children on ports of their own, each ready once a GET of its health path answers 200. One that
dies or is ill is replaced after a doubling pause. They die with us. May fail with ActuatorError: too few GPUs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from penstock.core.tasks import Crew
from penstock.net.children import Backoff, Child, spawn
from penstock.net.listeners import strangers
from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.local.devices import Devices
from penstock.scaling.actuators.local.words import command, environment, scrubbed
from penstock.scaling.actuators.local_config import SIZES, LocalConfig
from penstock.scaling.replica import Replica, Standing, State
from penstock.scaling.size import Size

log = logging.getLogger("penstock")

HOST = "127.0.0.1"
LOOP = 3
"""Failures in a row that are told as an error, with last words; later ones are not told."""
LAST_LINES = 8
LEAST_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, but for ``strikes``: health checks that fail in a row before a replica is replaced. A replica that
    served for ``calm``, and as long as its start took, died of something new."""

    look: float = 0.1
    check: float = 5.0
    answer: float = 10.0
    strikes: int = 3
    first_pause: float = 0.2
    longest_pause: float = 30.0
    calm: float = 5.0

    def patience(self, since: float) -> float:
        """For an answer of one that has been starting for so long."""
        return min(self.answer, max(LEAST_PATIENCE, since))


@dataclass(slots=True, eq=False)
class Life:
    """One process from start to end."""

    name: str
    port: int
    gpus: list[str]
    asked: float
    size: Size
    state: State = "starting"
    since: float = 0.0
    took: float = 0.0
    trouble: str = ""
    words: list[str] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def told(self, size: Size) -> Replica:
        """As others see it. ``size``: of those that are started now."""
        address, since = f"{HOST}:{self.port}", self.since or self.asked
        said, stale = self.words[-1] if self.words else "", self.size != size
        return Replica(self.name, address, self.state, since, self.asked, self.took, self.trouble, stale, said)


class Local:
    """An Actuator. ``changed`` is called when a replica got ready or died; ``price``: dollars an hour of one."""

    def __init__(
        self,
        name: str,
        config: LocalConfig,
        devices: Devices,
        changed: Callable[[], None],
        price: float = 0.0,
        *,
        ours: Mapping[str, str] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._name = name
        self._config = config
        self._devices = devices
        self._changed = changed
        self._price = price
        self._ours = os.environ if ours is None else ours
        self._pace = pace or Pace()
        self._scrub = scrubbed(config)
        self._crew = Crew(f"pool-{name}")
        self._size = Size(slots=config.slots, context=config.context, threads=config.threads)
        self._wanted = 0
        self._numbers = 0
        self._lives: dict[str, Life] = {}
        self._ends: set[Life] = set()
        self._failed: Life | None = None
        self._backoff = Backoff(self._pace.first_pause, self._pace.longest_pause)
        self._rest_until = 0.0
        self._closed = False

    # ---- as an Actuator

    async def current(self) -> Standing:
        """What stands, and the one that failed last while none has got ready since."""
        self._fill()
        replicas = [one.told(self._size) for one in self._lives.values()]
        if self._failed is not None:
            replicas.append(self._failed.told(self._failed.size))
        tight = self._devices.free(self._config.gpus) < self._config.gpus_per_replica
        return Standing(self._wanted, replicas, self._price, size=self._size, can=list(self._size.said()), tight=tight)

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """End the victims, and the newest where there are still too many; start what is missing."""
        self._wanted = count
        for name in victims:
            self._stop(name)
        for name in list(self._lives)[count:]:
            self._stop(name)
        self._fill()
        short = count - len(self._lives)
        if short > 0 and self._config.gpus_per_replica and time.monotonic() >= self._rest_until:
            self._wanted = len(self._lives)
            free = self._devices.free(self._config.gpus)
            raise ActuatorError(
                f"{short} replicas more need {short * self._config.gpus_per_replica} GPUs, and {free} of"
                f" {len(self._config.gpus or self._devices.there)} are free: lower max or gpus_per_replica"
            )

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """Those that start from now on are told it."""
        if missing := [name for name in size.said() if name not in self._size.said()]:
            takes = " and ".join(f"{{{name}}}" for name in missing)
            where = f"its command does not say {takes}" if set(missing) <= set(SIZES) else "its command sets its own"
            raise ActuatorError(f"{' and '.join(missing)} cannot be changed: {where}")
        wanted = size.over(self._size)
        if not dry_run and wanted != self._size:
            self._size = wanted
            self._failed, self._rest_until = None, 0.0
        return wanted

    async def drain(self, name: str, *, drained: bool) -> None:
        """The process needs not to know."""

    async def aclose(self) -> None:
        """End them all, each gently."""
        self._closed = True
        for name in list(self._lives):
            self._stop(name)
        tasks = [one.task for one in self._ends if one.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        await self._crew.aclose()

    # ---- lives

    def _fill(self) -> None:
        """Start what is missing, unless what failed last must rest."""
        while not self._closed and len(self._lives) < self._wanted and time.monotonic() >= self._rest_until:
            gpus = self._devices.take(self._config.gpus_per_replica, self._config.gpus)
            if gpus is None:
                return
            life = Life(f"{self._name}-{self._numbers}", self._port(), gpus, time.time(), self._size)
            self._numbers += 1
            self._lives[life.name] = life
            life.task = self._crew.spawn(self._run(life), life.name)
            life.task.add_done_callback(partial(self._over, life))

    def _port(self) -> int:
        """One that is free now; should somebody else be quicker, the replica fails and another port is taken."""
        taken = {one.port for one in (*self._lives.values(), *self._ends)}
        while True:
            with socket.socket() as probe:
                probe.bind((HOST, 0))
                port = int(probe.getsockname()[1])
            if port not in taken:
                return port

    def _stop(self, name: str) -> None:
        life = self._lives.pop(name, None)
        if life is not None and life.task is not None:
            self._ends.add(life)
            life.task.cancel()

    async def _run(self, life: Life) -> None:
        began = time.monotonic()
        try:
            await self._live(life, began)
        except (OSError, ValueError) as error:
            life.trouble = f"it cannot be started: {error}"
        if self._lives.pop(life.name, None) is not None:
            self._died(life, time.monotonic() - began)

    def _over(self, life: Life, _: object) -> None:
        """Nothing of it is left."""
        self._devices.give(life.gpus)
        self._ends.discard(life)

    async def _live(self, life: Life, began: float) -> None:
        """Start it, wait until it is ready, watch it. Returns when it has ended or is ill."""
        config = self._config
        words = command(config, life.port, life.gpus, life.size)
        environ = environment(config, life.port, life.gpus, self._ours, life.size)
        child = await spawn(
            words, name=life.name, env=environ, on_line=partial(self._heard, life.name), grace=config.stop
        )
        try:
            # A question that went astray while it started must not hold it up for longer than that has taken.
            while not await _answers(life.port, config.ready, self._pace.patience(time.monotonic() - began)):
                if not child.running or time.monotonic() - began > config.start:
                    life.trouble = f"it was not ready within {config.start:g} s" if child.running else _cause(child)
                    return
                await asyncio.wait({child.exited}, timeout=self._pace.look)
            if others := await asyncio.to_thread(strangers, life.port, child.pid):
                life.trouble = f"another user's process answers on its port {life.port} (uid {min(others)})"
                return
            life.state, life.since, life.took = "ready", time.time(), time.monotonic() - began
            log.info("%s is ready after %.2f s (pid %d, port %d)", life.name, life.took, child.pid, life.port)
            self._failed = None
            self._changed()
            life.trouble = await self._watch(life, child)
        finally:
            await child.stop(config.stop)
            life.words = [self._scrub(line) for line in child.last_lines()[-LAST_LINES:]]

    def _heard(self, name: str, _: int, line: str) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s: %s", name, self._scrub(line))

    async def _watch(self, life: Life, child: Child) -> str:
        """Why it is over."""
        strikes = 0
        while strikes < self._pace.strikes:
            await asyncio.wait({child.exited}, timeout=self._pace.check)
            if not child.running:
                return _cause(child)
            strikes = 0 if await _answers(life.port, self._config.ready, self._pace.answer) else strikes + 1
        return f"it failed {strikes} health checks in a row"

    def _died(self, life: Life, lived: float) -> None:
        if life.took and lived - life.took > max(self._pace.calm, life.took):
            self._backoff.reset()
        pause = self._backoff.failed()
        self._rest_until = time.monotonic() + pause
        life.state, life.since = "failed", time.time()
        self._failed = life
        failures = self._backoff.failures
        level = logging.WARNING if failures < LOOP else logging.ERROR if failures == LOOP else logging.DEBUG
        words = "".join(f"\n    {line}" for line in life.words)
        log.log(level, "%s: %s; another follows in %.1f s%s", life.name, life.trouble, pause, words)
        self._crew.spawn(self._after(pause), "next")
        self._changed()

    async def _after(self, pause: float) -> None:
        await asyncio.sleep(pause)
        self._fill()

    def __repr__(self) -> str:
        return f"<Local {self._name} {len(self._lives)} of {self._wanted}>"


async def _answers(port: int, path: str, within: float) -> bool:
    """Whether a GET of ``path`` is answered with 200, over a connection of its own."""
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                head = f"GET {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\nconnection: close\r\n\r\n"
                writer.write(head.encode())
                return (await reader.readline()).startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 "))
            finally:
                writer.close()
    except (OSError, ValueError):
        return False


def _cause(child: Child) -> str:
    status = child.exited.result()
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(-status).name}"
    return f"it ended with status {status}"
