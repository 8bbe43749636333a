"""Gateways and Redis servers of a run's own, which may be killed and started again at the same place.

Enters: a config and a folder. Leaves: a port that answers. Fails with RuntimeError for one that does not start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import built
from bench.machine import free_port, prefer
from bench.process import TICKS_PER_SECOND, all_stats, family
from bench.questions import exchange

START_SECONDS = 60.0


class Gateway:
    """``penstock serve`` as its users start it, at home in ``home``, on one port over all its lives."""

    def __init__(self, home: Path, config: dict[str, Any], workers: int = 1) -> None:
        self.home = home
        self.port = free_port()
        self.workers = workers
        home.mkdir(parents=True, exist_ok=True)
        (home / "penstock.yaml").write_text(json.dumps(config, indent=1))  # JSON is YAML too
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; gives the moment."""
        argv = [sys.executable, "-m", "penstock", "serve", "--config", str(self.home / "penstock.yaml")]
        folders = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "TMPDIR")
        own = {**dict.fromkeys(folders, str(self.home)), "PYTHONPATH": str(built.carried().folder)}
        began = time.monotonic()
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*argv, "--port", str(self.port), "--workers", str(self.workers)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **own}, cwd=self.home,
            )  # fmt: skip
        return began

    async def until_it_answers(self) -> None:
        """Wait until a call gets through."""
        until = time.monotonic() + START_SECONDS
        while b" 200 " not in (await exchange(self.port, "GET", "/health/ready"))[:16]:
            if time.monotonic() > until or self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"the gateway did not start: {(self.home / 'log').read_text()[-2000:]}")
            await asyncio.sleep(0.005)

    async def metrics(self) -> str:
        return (await exchange(self.port, "GET", "/metrics")).decode()

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = re.findall(rf"^{re.escape(name)}(?:{{.*}})? (\S+)$", await self.metrics(), re.MULTILINE)
        return sum(map(float, lines))

    async def until_ready(self) -> None:
        """Wait until the cache of every worker has caught up with the store."""
        async with asyncio.timeout(START_SECONDS):
            while await self.metric("penstock_cache_ready") < self.workers:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)  # a page of metrics is work, too

    def hurry(self) -> None:
        """Let it go before other work on the machine, where that is allowed."""
        if self._process is not None:
            prefer(self._process.pid)

    def kill(self) -> None:
        """SIGKILL for all its processes, the first one first: it would start others anew."""
        if self._process is None:
            return
        members = [stat.pid for stat in family(self._process.pid, all_stats())]
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        until = time.monotonic() + 5
        while any(stat.pid in members and not stat.ended for stat in all_stats()) and time.monotonic() < until:
            time.sleep(0.002)

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        those = () if self._process is None else family(self._process.pid, all_stats())
        return sum(stat.ticks for stat in those) / TICKS_PER_SECOND

    def __repr__(self) -> str:
        return f"<Gateway at {self.home}, {'running' if self._process is not None else 'away'}>"


class Redis:
    """A redis-server of this run's own. It keeps what it holds over a restart, unless it is to come back empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *, empty: bool = False) -> None:
        """Start it, and wait until it listens."""
        if empty:
            shutil.rmtree(self._folder / "appendonlydir")
        argv = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)]
        argv += ["--save", "", "--appendonly", "yes"]
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def ended(*those: Gateway | Redis) -> Iterator[None]:
    """However the block ends, none of them runs afterwards."""
    try:
        yield
    finally:
        for one in those:
            one.kill()
