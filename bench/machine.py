"""The machine that measures: what it is, which core is the proxy's, and where working files go.

The proxy under test gets the last core for itself; load and upstream share the others.
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import resource
import socket
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
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
    """Leave the proxy's core to the proxy and, where allowed, go before other work on the machine; children inherit."""
    os.sched_setaffinity(0, cores()[1])
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)


def free_port() -> int:
    """A loopback port that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _cpuinfo(field: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return platform.machine()
