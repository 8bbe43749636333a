"""Making fibers in tests, on both loops."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from penstock.core.fiber import Fiber, Promise


def _runner(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(main)

    return run


on_both_loops = pytest.mark.parametrize(
    "run",
    [
        pytest.param(_runner(asyncio.new_event_loop), id="asyncio"),
        pytest.param(_runner(uvloop.new_event_loop), id="uvloop"),
    ],
)


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
    """Let the loop go round until ``condition`` holds. TimeoutError after 5 s."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0)
