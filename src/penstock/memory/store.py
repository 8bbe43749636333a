"""What the machine says of memory, and the free memory that is given back to it.

Enters: nothing. Leaves: bytes. What a system does not tell is None, or the most that is known; what it cannot do is
left undone.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

from penstock.memory.limit import cgroup_bytes

CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_M_MMAP_THRESHOLD = -3
LARGE = 128 * 1024
"""Blocks of this size and more are mapped by themselves, and so go back to the machine the moment they are freed."""


def machine_bytes() -> int:
    """All of this machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def cgroup_limit(paths: tuple[str, ...] = CGROUPS) -> int | None:
    """The limit of the container that this process is in; None where it is in none."""
    own = _own_group()
    for path in (*([f"/sys/fs/cgroup{own}/memory.max"] if own else []), *paths):
        try:
            with open(path, encoding="ascii") as file:
                found = cgroup_bytes(file.read(64))
        except (OSError, UnicodeDecodeError):
            continue
        if found is not None:
            return found
    return None


def _own_group() -> str:
    """The path of this process in the hierarchy of cgroups, version 2."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            for line in file:
                if line.startswith("0::/"):
                    return line[3:].strip().rstrip("/")
    except (OSError, UnicodeDecodeError):
        pass
    return ""


class Resident:
    """How many bytes of memory this process uses now."""

    def __init__(self) -> None:
        self._page = os.sysconf("SC_PAGE_SIZE")

    def __call__(self) -> int:
        try:
            with open("/proc/self/statm", "rb", buffering=0) as file:
                return int(file.read(128).split()[1]) * self._page
        except (OSError, IndexError, ValueError):
            import resource

            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _libc(name: str) -> Callable[..., int] | None:
    try:
        return ctypes.CDLL(None)[name]
    except (OSError, AttributeError, TypeError):
        return None


def map_large_blocks() -> bool:
    """Have large blocks mapped by themselves, for good: the C library would else keep them to itself once some were
    freed, and what is freed between others could not go back. False where there is no such switch."""
    mallopt = _libc("mallopt")
    return mallopt is not None and mallopt(_M_MMAP_THRESHOLD, LARGE) == 1


def give_back() -> bool:
    """Give free memory back to the machine. It takes milliseconds, and holds no lock of Python's meanwhile. False where
    there is no such function."""
    trim = _libc("malloc_trim")
    return trim is not None and trim(0) == 1
