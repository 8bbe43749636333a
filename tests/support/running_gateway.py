"""A gateway in a process of its own, started as its users start it: ``python -m penstock serve``.

Enters: a config (or none) and a folder that becomes its whole home. Leaves: its address and the key that it printed.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60.0
ROOT = Path(__file__).resolve().parents[2]
_ADDRESS = re.compile(r"listens on (\S+)")
_KEY = re.compile(r"^  key     (sk-pen-\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """``url`` is the root, without ``/v1``; ``said`` is all it printed at start."""

    url: str
    key: str
    said: str
    process: subprocess.Popen[str]
    home: Path

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of the developer's own: no keys, no config, no proxy."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "TMPDIR": str(home),
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONUNBUFFERED": "1",
        **(extra or {}),
    }


@contextlib.contextmanager
def running_gateway(
    home: Path, config: str | None = None, extra: Mapping[str, str] | None = None, *options: str
) -> Iterator[RunningGateway]:
    """Start one, wait until it has announced itself, and end it by SIGTERM. What it logs goes to ``home/log``."""
    argv = [sys.executable, "-m", "penstock", "serve", "--port", "0", *options]
    if config is not None:
        path = home / "penstock.yaml"
        path.write_text(config)
        argv += ["--config", str(path)]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=environment(home, extra)
        )
    try:
        said = _announcement(process)
        address = _ADDRESS.search(said)
        if address is None:
            raise AssertionError(f"the gateway did not start: {said}{(home / 'log').read_text()}")
        key = _KEY.search(said)
        yield RunningGateway(address[1], key[1] if key else "", said, process, home)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _announcement(process: subprocess.Popen[str]) -> str:
    """Its first lines, up to the end of the curl line. A process that says nothing for too long is killed."""
    limit = threading.Timer(START_SECONDS, process.kill)
    limit.start()
    said = ""
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if line.startswith("      -d "):
                break
    finally:
        limit.cancel()
    return said


def wait_until_ready(url: str, seconds: float = START_SECONDS) -> None:
    """Wait until the gateway says that it can serve."""
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health/ready", timeout=30) as answer:
                assert answer.status == 200
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
