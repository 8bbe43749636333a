"""Running tests on event loops: that of a serving process, and those of asyncio and uvloop, which must do as well."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from penstock.net.loop.event_loop import new_event_loop

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def runner(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Run:
    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(main)

    return run


run = runner(new_event_loop)
"""As a serving process would."""
LOOPS = [
    pytest.param(run, id="penstock"),
    pytest.param(runner(asyncio.new_event_loop), id="asyncio"),
    pytest.param(runner(uvloop.new_event_loop), id="uvloop"),
]
on_all_loops = pytest.mark.parametrize("run", LOOPS)
