"""Making fibers in tests."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from penstock.core.fiber import Fiber, Promise


def promise() -> Promise[Any]:
    return Promise(asyncio.get_running_loop())


def fiber(coroutine: Coroutine[Any, Any, None]) -> Fiber:
    """A fiber that has taken its first step."""
    made = Fiber(asyncio.get_running_loop(), coroutine)
    made.step()
    return made


async def turns(count: int) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go round until ``condition`` holds. TimeoutError after 20 s."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0)
