"""The disk beside the store, asked: how much of it is free, and how long a small write and sync takes."""

from __future__ import annotations

import contextlib
import os
import time

PROBE_BYTES = 512
PROBE_NAME = ".penstock-probe"


def probe(folder: str) -> tuple[float | None, float | None]:
    """``(free share, seconds)``; None for what cannot be told, say because nothing may be written there."""
    free: float | None = None
    with contextlib.suppress(OSError):
        told = os.statvfs(folder)
        free = told.f_bavail / told.f_blocks if told.f_blocks else None
    path = os.path.join(folder, f"{PROBE_NAME}-{os.getpid()}")
    try:
        began = time.perf_counter()
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, b"\0" * PROBE_BYTES)
            os.fsync(file)
        finally:
            os.close(file)
        return free, time.perf_counter() - began
    except OSError:
        return free, None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
