"""An HTTP server run as a child process: announced by itself, health-checked, and started again when it dies.

Enters a command whose first line of output is ``{"base_url": ..., "api_key": ...}`` once it can serve, and whose
``/health`` answers 200. A replica that dies takes only its own calls with it and is back after a doubling pause; one
that keeps dying is reported once, with its last words. Nothing that happens to the child fails ``run``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from penstock.net.children import STDOUT, Backoff, Child, spawn

log = logging.getLogger("penstock.replica")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, but for ``strikes`` (failed health checks in a row that end a replica) and ``loop`` (failed starts in a
    row that are called a crash loop). A run of ``calm`` seconds wipes out earlier failures."""

    load: float = 120.0
    check: float = 3.0
    answer: float = 3.0
    strikes: int = 3
    first_pause: float = 0.5
    longest_pause: float = 30.0
    calm: float = 60.0
    loop: int = 3
    grace: float = 2.0
    drain: float = 30.0


class Replica:
    """One process and its successors. ``base_url`` and ``api_key`` are new with each start, and empty while it
    is not ready. Whoever sends it a call calls ``enter`` before and ``leave`` after."""

    def __init__(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], pace: Pace, changed: Callable[[], None]
    ) -> None:
        self.name = name
        self.base_url = ""
        self.api_key = ""
        self.in_flight = 0
        self.pid = 0
        self.starts = 0
        self.load_seconds = 0.0
        self.trouble = ""
        self._argv = argv
        self._env = env
        self._pace = pace
        self._changed = changed
        self._backoff = Backoff(pace.first_pause, pace.longest_pause)
        self._finished_calls = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def ready(self) -> bool:
        return bool(self.base_url)

    def enter(self) -> None:
        self.in_flight += 1
        self._empty.clear()

    def leave(self) -> None:
        self.in_flight -= 1
        self._finished_calls += 1
        if not self.in_flight:
            self._empty.set()

    async def empty(self, within: float) -> None:
        """Wait for the calls in flight to end, ``within`` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._empty.wait()

    async def run(self) -> None:
        """Keep one process running until cancelled."""
        while True:
            began = time.monotonic()
            last_words: list[str] = []
            try:
                last_words = await self._live(began)
            except (OSError, ValueError, KeyError) as error:  # no process to be had, or not ours that answered
                self.trouble = f"it cannot be started: {error}"
            if time.monotonic() - began > self._pace.calm:
                self._backoff.reset()
            pause = self._backoff.failed()
            self._report(last_words, pause)
            await asyncio.sleep(pause)

    async def _live(self, began: float) -> list[str]:
        """One process from start to end. Returns the last lines that it wrote."""
        announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def heard(fd: int, line: str) -> None:
            if fd == STDOUT and line.startswith("{") and not announced.done():
                announced.set_result(line)  # holds the key: not for the log
            else:
                log.debug("%s: %s", self.name, line)

        self.starts += 1
        child = await spawn(self._argv, name=self.name, env=self._env, on_line=heard)
        self.pid = child.pid
        try:
            either: set[asyncio.Future[Any]] = {announced, child.exited}
            await asyncio.wait(either, timeout=self._pace.load, return_when=asyncio.FIRST_COMPLETED)
            if announced.done():
                said = json.loads(announced.result())
                self.load_seconds = time.monotonic() - began
                self.base_url, self.api_key, self.trouble = said["base_url"], said["api_key"], ""
                log.info("%s is ready after %.2f s (pid %d)", self.name, self.load_seconds, self.pid)
                self._changed()
                await self._watch(child)
            elif child.running:
                self.trouble = f"it was not ready within {self._pace.load:g} s"
            if not child.running:
                self.trouble = _cause(child.exited.result())
        finally:
            self.base_url = self.api_key = ""
            self.pid = 0
            self._changed()
            await child.stop(self._pace.grace)
        return child.last_lines()

    async def _watch(self, child: Child) -> None:
        """Returns when the process has ended, or neither answers nor finishes anything any more."""
        port = urlsplit(self.base_url).port or 0
        strikes = 0
        while strikes < self._pace.strikes:
            finished = self._finished_calls
            await asyncio.wait({child.exited}, timeout=self._pace.check * random.uniform(0.8, 1.2))
            if not child.running:
                return
            well = await _healthy(port, self._pace.answer)
            strikes = 0 if well or self._finished_calls != finished else strikes + 1
        self.trouble = f"it failed {strikes} health checks in a row"

    def _report(self, last_words: list[str], pause: float) -> None:
        failures, words = self._backoff.failures, "".join(f"\n    {line}" for line in last_words[-8:])
        if failures == self._pace.loop:
            log.error("%s failed %d times in a row: %s; trying on%s", self.name, failures, self.trouble, words)
        else:
            level = logging.WARNING if failures < self._pace.loop else logging.DEBUG
            log.log(level, "%s: %s; it starts again in %.1f s", self.name, self.trouble, pause)

    def __repr__(self) -> str:
        state = "ready" if self.ready else self.trouble or "starting"
        return f"<Replica {self.name} pid={self.pid} {state} in_flight={self.in_flight} starts={self.starts}>"


async def _healthy(port: int, within: float) -> bool:
    """One health check, over a connection of its own."""
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            finally:
                writer.close()
    except (OSError, ValueError):
        return False


def _cause(status: int) -> str:
    if status == -signal.SIGILL:
        return "it met an instruction that this processor does not have (prebuilt engines want AVX2)"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(-status).name}"
    return f"it ended with status {status}"
