"""Runs the event loop of a serving process, with as many descriptors as we may have, and a calm collector."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from penstock.net.loop.event_loop import new_event_loop
from penstock.net.process import age

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end on our loop."""
    raise_descriptor_limit()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open descriptors to the hard one, where that is allowed. Returns what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses "unlimited"
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard
    return soft


def began() -> float:
    """The moment, of the monotonic clock, at which this process was started."""
    return time.monotonic() - age()


def settle_collector() -> None:
    """What is here now lives until the end: the collector need not look at it again, nor often at the rest. It does not
    look for garbage first: of a start that is half a megabyte, and to find it would hold up the first calls."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()
