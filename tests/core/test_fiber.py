import asyncio
import logging
from typing import Any

import pytest

from penstock.core.fiber import Promise
from tests.support.fibers import fiber, promise, until
from tests.support.loops import on_all_loops

pytestmark = on_all_loops


def test_it_starts_and_resumes_in_the_same_breath(run: Any) -> None:
    async def main() -> None:
        got: list[Any] = []
        one = promise()

        async def work() -> None:
            got.append("started")
            got.append(await one)

        made = fiber(work())
        assert got == ["started"]
        assert not made.done()
        one.set_result("answer")
        assert got == ["started", "answer"]
        assert made.done()

    run(main())


def test_a_promise_already_resolved_is_not_waited_for(run: Any) -> None:
    async def main() -> None:
        one = promise()
        one.set_result(7)
        got: list[int] = []

        async def work() -> None:
            got.append(await one)

        assert fiber(work()).done()
        assert got == [7]

    run(main())


def test_it_awaits_what_a_task_may_await(run: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        got: list[Any] = []

        async def nested() -> str:
            await asyncio.sleep(0)
            return "nested"

        async def work() -> None:
            future = loop.create_future()
            loop.call_soon(future.set_result, "future")
            got.append(await future)
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            got.append(await loop.create_task(nested()))
            got.extend(await asyncio.gather(nested(), nested()))
            got.append(await asyncio.wait_for(nested(), 1))
            event = asyncio.Event()
            loop.call_soon(event.set)
            await event.wait()
            failing = loop.create_future()
            loop.call_soon(failing.set_exception, KeyError("of a future"))
            try:
                await failing
            except KeyError as error:
                got.append(error.args[0])

        made = fiber(work())
        await until(made.done)
        assert got == ["future", "nested", "nested", "nested", "nested", "of a future"]

    run(main())


def test_it_is_the_current_task_while_it_runs_and_only_then(run: Any) -> None:
    async def main() -> None:
        seen: list[Any] = []
        one = promise()
        me = asyncio.current_task()

        async def work() -> None:
            seen.append(asyncio.current_task())
            await one
            seen.append(asyncio.current_task())
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())

        made = fiber(work())
        assert asyncio.current_task() is me
        one.set_result(None)
        assert asyncio.current_task() is me
        await until(made.done)
        assert seen == [made, made, made]
        assert "work" in made.get_name()

    run(main())


def test_a_fiber_within_a_fiber_gives_the_turn_back(run: Any) -> None:
    async def main() -> None:
        one = promise()
        order: list[Any] = []

        async def inner() -> None:
            order.append("inner waits")
            order.append(await one)

        async def outer() -> None:
            me = asyncio.current_task()
            fiber(inner())
            assert asyncio.current_task() is me
            one.set_result("inner resumed")
            assert asyncio.current_task() is me
            async with asyncio.timeout(5):
                await asyncio.sleep(0)
            order.append("outer ends")

        made = fiber(outer())
        await until(made.done)
        assert order == ["inner waits", "inner resumed", "outer ends"]

    run(main())


def test_a_task_awaits_a_promise(run: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        one, two, three = promise(), promise(), promise()
        tasks = [loop.create_task(wait(each)) for each in (one, two, three)]
        await asyncio.sleep(0)
        one.set_result("one")
        two.set_exception(KeyError("two"))
        three.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert done[0] == "one"
        assert isinstance(done[1], KeyError)
        assert isinstance(done[2], asyncio.CancelledError)

    async def wait(one: Promise[Any]) -> Any:
        return await one

    run(main())


def test_cancelling_a_task_gives_up_its_promise(run: Any) -> None:
    async def main() -> None:
        one = promise()

        async def wait() -> None:
            await one

        task = asyncio.get_running_loop().create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert one.cancelled()
        one.set_result("too late")
        assert one.cancelled()

    run(main())


# ---- errors


def test_an_error_that_escapes_is_logged(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        one = promise()

        async def work() -> None:
            await one

        made = fiber(work())
        with caplog.at_level(logging.ERROR, "penstock"):
            one.set_exception(KeyError("told"))
        assert made.done()

    logger = logging.getLogger("penstock")
    propagate, logger.propagate = logger.propagate, True
    try:
        run(main())
    finally:
        logger.propagate = propagate
    assert "told" in caplog.text


def test_whoever_resolves_a_promise_does_not_see_what_the_fiber_raises(run: Any) -> None:
    async def main() -> None:
        one = promise()
        me = asyncio.current_task()

        async def work() -> None:
            await one
            raise ZeroDivisionError

        fiber(work())
        one.set_result(None)
        assert asyncio.current_task() is me

    logging.getLogger("penstock").disabled = True
    try:
        run(main())
    finally:
        logging.getLogger("penstock").disabled = False


def test_a_promise_is_settled_once(run: Any) -> None:
    async def main() -> None:
        one = promise()
        assert not one.done()
        one.set_result(1)
        one.set_result(2)
        one.set_exception(KeyError())
        assert not one.cancel()
        assert one.result() == 1
        two = promise()
        two.set_exception(KeyError("first"))
        two.set_result(2)
        with pytest.raises(KeyError):
            two.result()

    run(main())
