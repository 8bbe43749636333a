"""Loops beside the path: each upstream is asked at intervals whether it is well; upstreams are compared by speed.

Enters: a Target and how it is asked. Leaves: its Health, told of each result. Nothing that an upstream does (hang, talk
nonsense, send without end) fails a loop or keeps more than a bounded answer.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, Protocol

from penstock.core.errors import Fail
from penstock.routing.failure import of_fail
from penstock.routing.outliers import slow_ones
from penstock.routing.probes import Question, verdict
from penstock.routing.table import Entry
from penstock.routing.targets import Target

COMPARE_SECONDS = 5.0


class Ask(Protocol):
    """``ask(method, path, body, within, limit)``: an answer's status and body, as ``HttpProvider.probe`` gives it."""

    def __call__(
        self, method: str, path: str, body: bytes, within: float, limit: int
    ) -> Awaitable[tuple[int, bytes]]: ...


class Pace(NamedTuple):
    """Seconds between probes and for one; ``bad`` of them in a row put the upstream out of use."""

    interval: float = 10.0
    timeout: float = 2.0
    bad: int = 3


class Prober:
    """A Service: the probes of one upstream, until it is stopped."""

    def __init__(
        self,
        target: Target,
        question: Question,
        ask: Ask,
        pace: Pace,
        now: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.name = f"probes of {target.name}"
        self.question = question
        self._target = target
        self._ask = ask
        self._pace = pace
        self._now = now
        self._uniform = uniform
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Probe until stopped. Workers that start together do not ask at once, and not all at the same time."""
        pause = self._pace.interval * self._uniform(0.5, 1.0)
        while not await self._is_stopped_within(pause):
            if self._is_worth_while():
                await self._probe()
            pause = self._pace.interval * self._uniform(0.75, 1.0)

    def stop(self) -> None:
        """It is probed no longer."""
        self._stopped.set()

    async def _is_stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return True

    def _is_worth_while(self) -> bool:
        """Calls that go well say as much as a probe. One whose breaker waits for a trial needs a call, or a token; a
        path says enough of it only after a hang."""
        health = self._target.health
        breaker = health.breaker
        if breaker.state == "half_open":
            return (self.question.as_a_call and breaker.free) or self._now() < health.wary_until
        return breaker.state == "open" or health.sick or self._is_silent()

    def _is_silent(self) -> bool:
        return self._now() - self._target.health.breaker.last_well >= self._pace.interval

    async def _probe(self) -> None:
        health = self._target.health
        trial = health.begin(self._now()) if self.question.as_a_call else 0
        try:
            result = await self._result()
        except BaseException:
            health.lost(trial)
            raise
        good = result.good
        now = self._now()
        health.probed(result.word, good, now, self._pace.bad)
        if trial and good is None:
            health.lost(trial)
        elif good and self.question.as_a_call:
            # One token is as good as a call: nothing else need be tried.
            health.well(now, trial or health.begin(now))

    async def _result(self) -> Result:
        question, pace = self.question, self._pace
        try:
            async with asyncio.timeout(pace.timeout):
                status, body = await self._ask(
                    question.method, question.path, question.body, pace.timeout, question.limit
                )
        except TimeoutError:
            return Result("silent", good=False)
        except OverflowError:
            return Result("huge", good=None)
        except Fail as fail:
            if fail.phase == "queue":
                return Result("busy", good=None)  # all connections are in use: calls tell enough
            return Result(of_fail(fail).kind.name, good=False)
        return Result(*verdict(question, status, body))

    def __repr__(self) -> str:
        return f"<Prober of {self._target!r}>"


class Result(NamedTuple):
    """``word``: one of a closed set; ``good`` is None for what says only that something answers there."""

    word: str
    good: bool | None


class Comparing:
    """A Service: leaves out, for a while, upstreams that are much slower than the others of their model."""

    name = "comparison of upstreams"

    def __init__(self, entries: Callable[[], Iterable[Entry]], now: Callable[[], float] = time.monotonic) -> None:
        self._entries = entries
        self._now = now

    async def run(self) -> None:
        while True:
            await asyncio.sleep(COMPARE_SECONDS)
            self.compare()

    def compare(self) -> None:
        """Look at all models once."""
        now = self._now()
        for entry in self._entries():
            for target in slow_ones(entry.targets, now):
                target.health.eject(now)

    def __repr__(self) -> str:
        return "<Comparing>"
