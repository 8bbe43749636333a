"""What this process uses of the machine, read from the kernel's own accounting."""

from __future__ import annotations

import os
import resource
import sys
from typing import Any


def usage() -> dict[str, Any]:
    """``pid``, CPU ``seconds`` (user and system), ``rss`` bytes, open ``descriptors`` (0 where it cannot be told)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            rss = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        descriptors = len(os.listdir("/proc/self/fd"))
    except OSError:
        rss, descriptors = peak, 0
    return {"pid": os.getpid(), "seconds": used.ru_utime + used.ru_stime, "rss": rss, "descriptors": descriptors}
