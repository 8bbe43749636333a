"""What the machine says of memory, and the free memory that is given back to it.

Enters: nothing. Leaves: bytes. What a system does not tell is None, or the most that is known; what it cannot do is
left undone.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator

from penstock.memory.limit import cgroup_bytes

_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
LARGE = 128 * 1024
"""Blocks of this size and more are mapped by themselves, and so go back to the machine the moment they are freed."""

KEPT = 16 * 1024 * 1024
"""Free memory at the end of the heap that the C library may keep: with less it gives a call's back, and asks for it
again with the next. ``give_back`` takes it all the same."""


def machine_bytes() -> int:
    """All of this machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def cgroup_limit(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> int | None:
    """The smallest limit of the groups that this process is in, one inside another; None where there is none."""
    found = [limit for path in _limit_files(root, own) if (limit := cgroup_bytes(_first_bytes(path))) is not None]
    return min(found, default=None)


def _limit_files(root: str, own: str) -> Iterator[str]:
    """From the group of this process outwards: any of them may be the one with the limit. A container may not see the
    inner ones, and then is told its own limit at the root."""
    for line in (_first_bytes(own, 64 * 1024) or "").splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            base, name = root, "memory.max"
        elif "memory" in controllers.split(","):
            base, name = f"{root}/memory", "memory.limit_in_bytes"
        else:
            continue
        path = path.rstrip("/")
        while path:
            yield f"{base}{path}/{name}"
            path = path.rpartition("/")[0]
    yield f"{root}/memory.max"
    yield f"{root}/memory/memory.limit_in_bytes"


def _first_bytes(path: str, most: int = 64) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(most)
    except (OSError, UnicodeDecodeError):
        return None


def _libc(name: str) -> Callable[..., int] | None:
    try:
        return ctypes.CDLL(None)[name]
    except (OSError, AttributeError, TypeError):
        return None


def map_large_blocks() -> bool:
    """Have large blocks mapped by themselves, for good: the C library would else keep them to itself once some were
    freed, and what is freed between others could not go back. False where there is no such switch."""
    mallopt = _libc("mallopt")
    return mallopt is not None and mallopt(_M_MMAP_THRESHOLD, LARGE) == 1 and mallopt(_M_TRIM_THRESHOLD, KEPT) == 1


def give_back() -> bool:
    """Give free memory back to the machine. It takes milliseconds, and holds no lock of Python's meanwhile. False where
    there is no such function."""
    trim = _libc("malloc_trim")
    return trim is not None and trim(0) == 1
