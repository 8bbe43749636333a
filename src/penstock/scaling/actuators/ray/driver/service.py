"""The gateway's hold of its Ray process, which is started when it is first asked, and again after it has died.

Ray blocks, prints, starts threads, and ends the process when its cluster is away too long: so it has a process of its
own, and whatever becomes of that is a sentence here. One question at a time. Fails with ActuatorError.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.core.tasks import Crew
from penstock.net.children import leashed
from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.ray import line

JOIN_SECONDS = 120.0
"""The first over ``ray://`` has the cluster start a process for it: a minute on a busy head."""
ANSWER_SECONDS = 15.0
PAUSE_SECONDS = 5.0
"""Between two tries to join a cluster that could not be joined."""
LAST_LINES = 5
MAIN = (sys.executable, "-m", "penstock.scaling.actuators.ray.cluster.service")


class Driver:
    """One process for one namespace of one cluster, shared by the pools there."""

    def __init__(self, crew: Crew, address: str, namespace: str, main: Sequence[str] = MAIN) -> None:
        self._crew = crew
        self._address = address
        self._namespace = namespace
        self._main = main
        self._turn = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._process: Process | None = None
        self._said: deque[str] = deque(maxlen=LAST_LINES)
        self._trouble = ""
        self._again = 0.0
        self._over = False
        self.cluster: dict[str, Any] = {}

    async def ask(self, do: str, value: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask; joins the cluster first, where that is still to be done."""
        async with self._turn:
            if self._process is None:
                await self._join()
            return await self._ask(do, value or {}, ANSWER_SECONDS)

    async def _join(self) -> None:
        self._refuse_if_over()
        if time.monotonic() < self._again:
            raise ActuatorError(self._trouble)
        self._said.clear()
        self._process = await asyncio.create_subprocess_exec(
            *leashed(self._main, os.getpid()), stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=line.MOST_LINE_BYTES,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert self._process.stderr is not None
        try:
            self._refuse_if_over()  # let go while the process began: nobody else would end it
            self._crew.spawn(self._listen(self._process.stderr), "ray stderr")
            self.cluster = await self._ask(
                "hello", {"address": self._address, "namespace": self._namespace}, JOIN_SECONDS
            )
        except BaseException as error:
            if isinstance(error, ActuatorError):
                self._trouble, self._again = str(error), time.monotonic() + PAUSE_SECONDS
            await self._end()
            raise

    def _refuse_if_over(self) -> None:
        if self._over:
            raise ActuatorError(f"{self._where} was let go")

    async def _ask(self, do: str, value: dict[str, Any], within: float) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        number = next(self._numbers)
        try:
            process.stdin.write(line.line_of(line.Question(number, do, value)))
            async with asyncio.timeout(within):
                await process.stdin.drain()
                answer = await self._answer(process.stdout, number)
        except TimeoutError:
            await self._end()
            raise ActuatorError(f"{self._where} did not answer within {within:g} s; it is asked anew") from None
        except (OSError, EOFError, ValueError, msgspec.MsgspecError) as error:
            await self._end()
            raise ActuatorError(f"{self._where} was lost ({self._last(error)}); it is joined again") from None
        if answer.failed:
            raise ActuatorError(answer.failed)
        return answer.value

    @staticmethod
    async def _answer(reader: asyncio.StreamReader, number: int) -> line.Answer:
        while text := await reader.readline():
            answer = line.answer_of(text)
            if answer.n == number:  # others are to questions that nobody waits for any more
                return answer
        raise EOFError("its process ended")

    async def _listen(self, errors: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while piece := await errors.read(4096):
                self._said.extend(one[:300] for one in piece.decode(errors="replace").splitlines() if one.strip())

    @property
    def _where(self) -> str:
        return f"the Ray cluster {self._address or os.environ.get('RAY_ADDRESS') or 'of this machine'}"

    def _last(self, error: Exception) -> str:
        return f"{error}; it said: {self._said[-1]}" if self._said else str(error)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # Killed, it ends whether or not somebody waits; a second cancellation must not leave it unreaped.
        await asyncio.shield(process.wait())

    async def aclose(self) -> None:
        """End the process, and join no more. The replicas stay."""
        self._over = True
        await self._end()

    def __repr__(self) -> str:
        return f"<Driver {self._address or 'auto'} {self._namespace} {'joined' if self._process else 'away'}>"


class Drivers:
    """All of a gateway's, by cluster and namespace: each is made for its first pool, and ends with its last."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._known: dict[tuple[str, str], tuple[Driver, int]] = {}

    def take(self, address: str, namespace: str) -> Driver:
        """One, and say so with ``give_back``."""
        driver, users = self._known.get((address, namespace)) or (Driver(self._crew, address, namespace), 0)
        self._known[address, namespace] = (driver, users + 1)
        return driver

    async def give_back(self, address: str, namespace: str) -> None:
        """It is not needed any more by one who took it."""
        driver, users = self._known.pop((address, namespace))
        if users > 1:
            self._known[address, namespace] = (driver, users - 1)
        else:
            await driver.aclose()

    def __repr__(self) -> str:
        return f"<Drivers {len(self._known)}>"
