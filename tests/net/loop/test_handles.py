import asyncio
import contextvars
from typing import Any

from tests.support.loops import run

number: contextvars.ContextVar[int] = contextvars.ContextVar("number", default=0)


def test_a_call_has_any_number_of_arguments() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[Any] = []
        for given in ((), (1,), (1, 2), (1, 2, 3)):
            loop.call_soon(lambda *args: told.append(args), *given)
        await asyncio.sleep(0)
        assert told == [(), (1,), (1, 2), (1, 2, 3)]

    run(main())


def test_what_is_cancelled_is_not_called_and_let_go() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[str] = []
        handles = [loop.call_soon(told.append, "soon"), loop.call_later(0, told.append, "later")]
        for handle in handles:
            assert not handle.cancelled()
            assert "append" in repr(handle)
            handle.cancel()
            handle.cancel()
            assert handle.cancelled()
            assert "cancelled" in repr(handle)
        await asyncio.sleep(0.002)
        assert told == []

    run(main())


def test_a_call_may_cancel_the_next() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[str] = []
        late: list[asyncio.Handle] = []
        loop.call_soon(lambda: late[0].cancel())
        late.append(loop.call_soon(told.append, "no"))
        loop.call_later(0, lambda: late[1].cancel())
        late.append(loop.call_later(0, told.append, "no"))
        await asyncio.sleep(0.002)
        assert told == []

    run(main())


def test_the_time_of_a_timer() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_at(12345678.5, print)
        assert timer.when() == 12345678.5
        timer.cancel()
        now = loop.time()
        timer = loop.call_later(100, print)
        assert now + 100 <= timer.when() <= loop.time() + 100
        timer.cancel()

    run(main())


def test_a_call_has_the_context_of_who_asked_or_the_one_given() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[int] = []

        def note() -> None:
            told.append(number.get())
            number.set(99)

        other = contextvars.copy_context()
        other.run(number.set, 2)
        number.set(1)
        handle: Any = loop.call_soon(note)
        loop.call_soon(note, context=other)
        loop.call_later(0, note)
        loop.call_at(0, note, context=other)
        number.set(3)
        await asyncio.sleep(0.002)
        assert sorted(told) == [1, 1, 2, 99]
        assert number.get() == 3
        assert handle.get_context().run(number.get) == 99

    run(main())


def test_what_a_call_raises_is_reported_with_its_name() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: told.append(context))
        for error in (KeyError("x"), asyncio.CancelledError()):

            def fails(error: BaseException = error) -> None:
                raise error

            handle = loop.call_soon(fails)
            await asyncio.sleep(0)
            report = told.pop()
            assert report["exception"] is error
            assert report["handle"] is handle
            assert "fails" in report["message"]
        assert told == []

    run(main())
