"""A Ray cluster of several nodes on this host, whose nodes are killed and come back.

Each node is a raylet with its own address (127.0.0.x), 80 MB of object store and CPUs that are said, not real. The head
holds no replicas. Enters: a folder. Fails with RuntimeError for a node that does not come up.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.machine import free_port, prefer
from bench.process import all_stats, family

START_SECONDS = 90.0
TRIES = 10
STORE_BYTES = 80_000_000
RAY = str(Path(sys.executable).with_name("ray"))


class Node:
    """One node: ``ray start --block`` and all that it started."""

    def __init__(self, folder: Path, name: str, options: list[str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        common = [f"--object-store-memory={STORE_BYTES}", "--disable-usage-stats", "--block", "--log-color=false"]
        own = {"RAY_USAGE_STATS_ENABLED": "0", "TMPDIR": str(folder)}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [RAY, "start", *options, *common], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **own}, cwd=folder, start_new_session=True,
            )  # fmt: skip
        prefer(self._process.pid)

    def until_up(self) -> None:
        """Wait until it says that it runs."""
        limit = time.monotonic() + START_SECONDS
        while b"Ray runtime started" not in self.log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > limit:
                self.kill()
                raise RuntimeError(f"the node {self.name} did not start: {self.log.read_text()[-1500:]}")
            time.sleep(0.1)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL for all its processes at once, as when a machine goes: the commands of replicas too."""
        members = [stat.pid for stat in family(self._process.pid, all_stats())]
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def __repr__(self) -> str:
        return f"<Node {self.name} {'up' if self.alive else 'down'}>"


class RayCluster:
    """A head and named nodes."""

    def __init__(self, folder: Path, cpus: int = 2, dashboard: bool = False) -> None:
        self.folder = folder
        self._cpus = cpus
        self._port = free_port()
        self.dashboard_port = free_port() if dashboard else 0
        shown = [f"--dashboard-port={self.dashboard_port}"] if dashboard else []
        ports = [f"--port={self._port}", f"--ray-client-server-port={free_port()}", f"--temp-dir={folder}/r"]
        own = [f"--include-dashboard={str(dashboard).lower()}", f"--num-cpus={cpus if dashboard else 0}", *shown]
        self._head = self._start(folder, "head", ["--head", "--node-ip-address=127.0.0.1", *ports, *own])
        said = re.search(r"--address='([^']+)'", self._head.log.read_text())
        self.address = said[1] if said else f"127.0.0.1:{self._port}"
        self.nodes: dict[str, Node] = {}

    @staticmethod
    def _start(folder: Path, name: str, options: list[str]) -> Node:
        """Ray gives a node 30 s to start, which a busy machine may exceed: then it is tried again."""
        for tried in range(TRIES):
            node = Node(folder, name, options)
            try:
                node.until_up()
                return node
            except RuntimeError:
                if tried + 1 == TRIES:
                    raise
        raise AssertionError

    def add(self, *names: str) -> None:
        """Start nodes (again); the last part of an address each."""
        for name in names:
            folder = self.folder / f"node{name}-{time.monotonic_ns()}"
            folder.mkdir()
            options = [f"--address={self.address}", f"--node-ip-address=127.0.0.{name}", f"--num-cpus={self._cpus}"]
            self.nodes[name] = self._start(folder, name, options)

    def end(self) -> None:
        """Kill all of it."""
        for node in [*self.nodes.values(), self._head]:
            node.kill()

    def __repr__(self) -> str:
        return f"<RayCluster {self.address} {list(self.nodes.values())}>"


@contextlib.contextmanager
def ray_cluster(*nodes: str, dashboard: bool = False) -> Iterator[RayCluster]:
    """One with these nodes, ended with the block. Its folder is short: paths of sockets must be."""
    with tempfile.TemporaryDirectory(prefix="pr-", ignore_cleanup_errors=True) as folder:
        cluster = RayCluster(Path(folder), dashboard=dashboard)
        try:
            cluster.add(*nodes)
            yield cluster
        finally:
            cluster.end()
