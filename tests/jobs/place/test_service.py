import asyncio
import threading

import pytest

from penstock.jobs.place.service import in_thread


def test_what_it_returns_and_raises_comes_back() -> None:
    def fail() -> None:
        raise OSError("no")

    async def main() -> None:
        assert await in_thread(lambda a, b=1: a + b, 2, b=3) == 5
        with pytest.raises(OSError, match="no"):
            await in_thread(fail)

    asyncio.run(main())


def test_who_is_cancelled_waits_for_the_thread() -> None:
    async def main() -> None:
        began, go_on, over = threading.Event(), threading.Event(), threading.Event()

        def work() -> None:
            began.set()
            assert go_on.wait(5)
            over.set()

        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(began.wait, 5)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert over.is_set()

    asyncio.run(main())
