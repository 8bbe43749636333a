"""Fibers that are cancelled, in each phase, and timeouts inside them."""

import asyncio
from typing import Any

import pytest

from penstock.core.fiber import Fiber
from tests.support.fibers import fiber, promise, until
from tests.support.loops import on_all_loops

pytestmark = on_all_loops


def cancelled_in(phase: str, run: Any) -> list[str]:
    """What a coroutine saw that was cancelled in ``phase``."""

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        seen: list[str] = []
        one: Any = {
            "promise": promise(),
            "promise resolved": promise(),
        }.get(phase) or loop.create_future()

        async def work() -> None:
            try:
                seen.append("runs")
                if phase == "sleep":
                    await asyncio.sleep(0)
                else:
                    await one
                seen.append("resumed")
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        made = Fiber(loop, work())
        if phase == "before start":
            assert made.cancel()
            made.step()
        else:
            made.step()
            if phase == "resolved":
                one.set_result(None)  # the fiber is woken by the loop, later
            assert made.cancel()
            assert seen == ["runs"], "whoever cancels goes on first"
        await until(made.done)
        assert made.cancelling() == 1
        assert not made.cancel()
        return seen

    got: list[str] = run(main())
    return got


@pytest.mark.parametrize("phase", ["promise", "future", "resolved", "sleep"])
def test_cancelled_while_it_waits(phase: str, run: Any) -> None:
    assert cancelled_in(phase, run) == ["runs", "cancelled"]


def test_cancelled_before_it_starts_nothing_of_it_runs(run: Any) -> None:
    assert cancelled_in("before start", run) == []


def test_cancelling_passes_on_to_the_task_it_awaits(run: Any) -> None:
    async def main() -> None:
        cleaned: list[str] = []

        async def inner() -> None:
            try:
                await asyncio.sleep(10)
            finally:
                cleaned.append("inner")

        async def work() -> None:
            await asyncio.get_running_loop().create_task(inner())

        made = fiber(work())
        await asyncio.sleep(0)
        made.cancel()
        await until(made.done)
        assert cleaned == ["inner"]

    run(main())


@pytest.mark.parametrize("awaits", ["promise", "future", "sleep"])
def test_cancelled_by_what_it_does_itself_it_stops_at_its_next_wait(awaits: str, run: Any) -> None:
    async def main() -> None:
        seen: list[str] = []
        made: list[Fiber] = []
        loop = asyncio.get_running_loop()

        async def work() -> None:
            made[0].cancel()
            seen.append("goes on")
            if awaits == "sleep":
                await asyncio.sleep(0)
            else:
                await (promise() if awaits == "promise" else loop.create_future())
            seen.append("never")

        made.append(Fiber(loop, work()))
        made[0].step()
        await until(made[0].done)
        assert seen == ["goes on"]

    run(main())


def test_a_cancelled_fiber_may_still_await_in_its_clean_up(run: Any) -> None:
    async def main() -> None:
        one, two = promise(), promise()
        seen: list[Any] = []

        async def work() -> None:
            try:
                await one
            finally:
                seen.append(await two)
                await asyncio.sleep(0)
                seen.append("cleaned")

        made = fiber(work())
        made.cancel()
        await asyncio.sleep(0)
        assert not made.done()
        two.set_result("awaited")
        await until(made.done)
        assert seen == ["awaited", "cleaned"]

    run(main())


def test_a_cancelled_fiber_that_ends_in_order_is_not_cancelled_again(run: Any) -> None:
    async def main() -> None:
        one, two = promise(), promise()
        seen: list[Any] = []

        async def work() -> None:
            try:
                await one
            except asyncio.CancelledError:
                seen.append(await two)

        made = fiber(work())
        made.cancel()
        await asyncio.sleep(0)
        two.set_result("second wait held")
        assert made.done()
        assert seen == ["second wait held"]

    run(main())


def test_a_promise_resolved_after_its_fiber_was_cancelled_does_nothing(run: Any) -> None:
    async def main() -> None:
        one = promise()
        seen: list[str] = []

        async def work() -> None:
            await one
            seen.append("never")

        made = fiber(work())
        made.cancel()
        one.set_result(1)
        one.set_exception(KeyError())
        await asyncio.sleep(0)
        assert made.done()
        assert one.cancelled()
        assert seen == []

    run(main())


# ---- timeouts


@pytest.mark.parametrize("awaits", ["promise", "future"])
def test_a_timeout_inside_a_fiber(awaits: str, run: Any) -> None:
    async def main() -> None:
        seen: list[str] = []

        async def work() -> None:
            try:
                async with asyncio.timeout(0.001):
                    await (promise() if awaits == "promise" else asyncio.get_running_loop().create_future())
            except TimeoutError:
                seen.append("timed out")
            await asyncio.sleep(0)
            seen.append("goes on")

        made = fiber(work())
        await until(made.done)
        assert seen == ["timed out", "goes on"]
        assert made.cancelling() == 0

    run(main())


def test_of_nested_timeouts_the_one_that_passed_speaks(run: Any) -> None:
    async def main() -> None:
        seen: list[str] = []

        async def work() -> None:
            async with asyncio.timeout(10) as outer:
                try:
                    async with asyncio.timeout(0.001):
                        await promise()
                except TimeoutError:
                    seen.append("inner")
                assert not outer.expired()
            seen.append("outer held")

        made = fiber(work())
        await until(made.done)
        assert seen == ["inner", "outer held"]

    run(main())


def test_cancelled_inside_a_timeout_it_is_cancelled_and_not_timed_out(run: Any) -> None:
    async def main() -> None:
        seen: list[str] = []

        async def work() -> None:
            try:
                async with asyncio.timeout(10):
                    await promise()
            except TimeoutError:
                seen.append("timed out")
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        made = fiber(work())
        made.cancel()
        await until(made.done)
        assert seen == ["cancelled"]

    run(main())
