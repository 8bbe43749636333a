"""The machine that measures: what it is, which core is the proxy's, and where working files go.

The proxy under test gets the last core for itself; load and upstream share the others.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import platform
import random
import resource
import signal
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRECEDENCE = -15
CACHE = ROOT / ".cache" / "bench"
"""Environments of the peers, run folders and results: kept between runs, never committed."""


@functools.cache  # what was usable at first: take_place narrows what the kernel says later
def cores() -> tuple[set[int], set[int]]:
    """The cores of the proxy and those of load and upstream (the same one where there is but one)."""
    usable = sorted(os.sched_getaffinity(0))
    return {usable[-1]}, set(usable[:-1]) or {usable[-1]}


def describe() -> dict[str, str]:
    """What must be named beside every number."""
    return {
        "processor": _cpuinfo("model name"),
        "cores": str(len(set().union(*cores()))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def headline(machine: dict[str, str]) -> str:
    """The machine in one line."""
    return ", ".join(f"{name} {value}" for name, value in machine.items())


def raise_descriptor_limit() -> int:
    """Lift the soft limit on descriptors to the hard one; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def take_place() -> None:
    """Leave the proxy's core to the proxy, go before other work, and end what was started when told to end."""
    os.sched_setaffinity(0, cores()[1])
    if prefer(os.getpid()):
        atexit.register(prefer, os.getpid(), 0)  # the session is the shell's: it stays when we have gone
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def prefer(pid: int, nice: int = PRECEDENCE) -> bool:
    """Let a process and its session go before other work on the machine; whether that was allowed."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, nice)
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))
        return True
    return False


def free_port() -> int:
    """A loopback port that nobody holds, out of the range from which outgoing connections take theirs."""
    for port in random.sample(range(20_000, 32_000), 1_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError("no free port between 20000 and 32000")


def _cpuinfo(field: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return platform.machine()
