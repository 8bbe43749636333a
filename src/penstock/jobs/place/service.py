"""Work for the disk, done in a thread and never left half seen.

Enters: a blocking function. Leaves: what it returns or raises. Who is cancelled meanwhile waits until it has ended:
what it works on is not closed, or given to another, under its hands.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """See the module."""
    loop = asyncio.get_running_loop()
    working = loop.run_in_executor(None, partial(function, *arguments, **named))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await working
        raise
