"""A Fiber does what a Task does: the same scripts, run by both, tell the same story."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.fiber import Fiber
from tests.support.fibers import promise, turns

step = st.one_of(
    st.tuples(st.just("await"), st.integers(0, 2)),
    st.tuples(st.just("sleep"), st.just(0)),
    st.tuples(st.just("catch"), st.integers(0, 2)),
)
act = st.one_of(
    st.tuples(st.sampled_from(["resolve", "fail", "give up"]), st.integers(0, 2)),
    st.tuples(st.sampled_from(["cancel", "turn"]), st.just(0)),
)


@settings(max_examples=300, deadline=None)
@given(script=st.lists(step, max_size=6), acts=st.lists(act, max_size=8))
def test_a_fiber_sees_what_a_task_would_see(script: list[tuple[str, int]], acts: list[tuple[str, int]]) -> None:
    """The same script over asyncio futures, once as a Task and once as a Fiber, must tell the same story."""
    assert story(script, acts, as_fiber=True) == story(script, acts, as_fiber=False)


@settings(max_examples=300, deadline=None)
@given(script=st.lists(step, max_size=6), acts=st.lists(act, max_size=8))
def test_a_fiber_over_promises_ends_as_a_task_over_futures(
    script: list[tuple[str, int]], acts: list[tuple[str, int]]
) -> None:
    """Promises resume sooner than futures; once each act has had its effect, both have come as far."""
    settled = [each for one in acts for each in (one, ("turn", 0))]
    assert story(script, settled, as_fiber=True, promises=True) == story(script, settled, as_fiber=False)


def story(
    script: list[tuple[str, int]], acts: list[tuple[str, int]], *, as_fiber: bool, promises: bool = False
) -> list[str]:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        told: list[str] = []
        waits: list[Any] = [promise() if promises else loop.create_future() for _ in range(3)]

        async def work() -> None:
            try:
                for kind, number in script:
                    try:
                        if kind == "sleep":
                            await asyncio.sleep(0)
                        else:
                            told.append(f"{number} gave {await waits[number]}")
                    except (KeyError, asyncio.CancelledError) as error:
                        told.append(f"{kind} {number}: {type(error).__name__}")
                        if kind != "catch":
                            raise
            except KeyError:
                return
            told.append("end")

        worker: Any = Fiber(loop, work()) if as_fiber else loop.create_task(work())
        if as_fiber:
            worker.step()
        await turns(12)
        for kind, number in acts:
            one = waits[number]
            if kind == "cancel":
                worker.cancel()
            elif kind == "give up":
                one.cancel()
            elif kind == "turn":
                await turns(12)
            elif not one.done():
                if kind == "resolve":
                    one.set_result(kind)
                else:
                    one.set_exception(KeyError(kind))
        await turns(12)
        told.append(f"done {worker.done()}")
        seen = list(told)
        for _ in script:
            worker.cancel()
            await turns(12)
        for one in waits:
            if isinstance(one, asyncio.Future) and one.done() and not one.cancelled():
                one.exception()  # else its garbage collection would complain
        return seen

    with asyncio.Runner() as runner:
        return runner.run(main())
