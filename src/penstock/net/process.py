"""What this process uses of the machine, read from the kernel's own accounting."""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import Any


def usage() -> dict[str, Any]:
    """``pid``, CPU ``seconds`` (user and system), ``rss`` bytes, open ``descriptors`` (0 where it cannot be told)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    try:
        descriptors = len(os.listdir("/proc/self/fd"))
    except OSError:
        descriptors = 0
    return {
        "pid": os.getpid(), "seconds": used.ru_utime + used.ru_stime, "rss": resident(), "descriptors": descriptors,
    }  # fmt: skip


def age() -> float:
    """Seconds since this process was started, to a hundredth; 0 where that cannot be told."""
    try:
        with open("/proc/self/stat", "rb", buffering=0) as file:
            ticks = int(file.read(1024).rpartition(b")")[2].split()[19])
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, IndexError, ValueError, AttributeError):
        return 0.0


def resident() -> int:
    """Bytes of memory in use; the most there ever were, where the present is not told."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            return int(file.read(128).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)
