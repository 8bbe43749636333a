"""What the tests of Ray's replicas share: a small model server as the command, and waiting for a fact."""

import asyncio
import functools
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import penstock.demo.server.service as server

SERVER = str(Path(server.__file__))
COMMAND = [sys.executable, "-S", SERVER, "--host", "{host}", "--port", "{port}"]
FAKE = Path(__file__).parents[3] / "support" / "fake_ray"


def order(*command: str, **more: Any) -> dict[str, Any]:
    """Plain values of an Order."""
    return {
        "name": "p/1", "command": list(command) or COMMAND, "environment": {}, "ready": "/health", "start": 20.0,
        "stop": 5.0, "linger": 60.0, "asked": time.time(), "num_cpus": 1.0, "num_gpus": 0.0, "resources": {},
        "spread": True, **more,
    }  # fmt: skip


def until(fact: Callable[[], Any], seconds: float = 20.0) -> Any:
    limit = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < limit, "it never came to be"
        time.sleep(0.02)
    return found


def runs(pid: int) -> bool:
    """Whether a process lives (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def fake_environment(folder: Path) -> dict[str, str]:
    """Of a process that finds a Ray which is played."""
    root = Path(__file__).parents[4]
    return {**os.environ, "FAKE_RAY": str(folder), "PYTHONPATH": f"{FAKE}:{root / 'src'}"}


def ran(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine, run on a loop of its own."""

    @functools.wraps(test)
    def run(*given: Any, **named: Any) -> None:
        asyncio.run(test(*given, **named))

    return run
