import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.tasks import Crew
from penstock.warmup.service import Keeping, Warmup
from penstock.warmup.tasks import Plan, Task


def play(tasks: list[Task], work: dict[str, Callable[[], Awaitable[object]]]) -> Warmup:
    async def main() -> Warmup:
        crew = Crew("test")
        warmup = Warmup(Plan(tasks), work, crew, time.monotonic)
        async with asyncio.timeout(10):
            await warmup.run()
        await crew.aclose()
        return warmup

    return asyncio.run(main())


async def well() -> None:
    await asyncio.sleep(0)


async def never() -> None:
    await asyncio.Event().wait()


async def refused() -> None:
    raise UpstreamError("upstream 'x' refused the connection", phase="connect")


async def broken() -> None:
    raise KeyError("x")


async def own_timeout() -> None:
    raise TimeoutError("the disk is slow")


def test_each_task_ends_and_what_went_wrong_is_named(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="penstock")
    work = {"well": well, "never": never, "refused": refused, "broken": broken, "own": own_timeout}
    warmup = play([Task(name, 3, 0.05) for name in work], work)
    states = {name: (one.state, one.why) for name, one in warmup.plan.outcomes.items()}
    assert states == {
        "well": ("done", ""),
        "never": ("late", "not done within 0.05 s"),
        "refused": ("failed", "upstream 'x' refused the connection"),
        "broken": ("failed", "'x'"),
        "own": ("failed", "the disk is slow"),
    }
    lines = [record.getMessage() for record in caplog.records]
    assert lines[-1].startswith("warm-up: 1 of 5 tasks done in 0.0")
    assert sum(line.startswith("warm-up: 1 of 5") for line in lines) == 1
    assert [line for line in lines if line.startswith("warm-up: never late after")]
    assert [record for record in caplog.records if record.exc_info and "broken" in record.getMessage()]


def test_a_task_that_is_late_is_ended_not_left_running() -> None:
    ended = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    play([Task("slow", 3, 0.02)], {"slow": slow})
    assert ended == [1]


def test_readiness_waits_for_what_holds_it_and_no_longer() -> None:
    async def main() -> None:
        crew, gate = Crew("test"), asyncio.Event()
        tasks = [Task("store", 1, 5.0, holds=5.0), Task("dead", 2, 5.0, holds=0.05), Task("rest", 3, 5.0)]
        rest = asyncio.Event()

        async def note() -> None:
            rest.set()

        warmup = Warmup(Plan(tasks), {"store": gate.wait, "dead": never, "rest": note}, crew, time.monotonic)
        crew.spawn(warmup.run(), "warm-up")
        ready = crew.spawn(warmup.ready(), "ready")
        await asyncio.sleep(0.02)
        assert (ready.done(), warmup.awaited()) == (False, ["store", "dead"])
        gate.set()
        async with asyncio.timeout(20):
            await ready
            await rest.wait()
        assert warmup.awaited() == []
        assert warmup.plan.outcomes["dead"].state == "runs"
        await crew.aclose()

    asyncio.run(main())


def test_kept_connections_are_opened_where_they_lack_and_a_dead_upstream_holds_nobody() -> None:
    async def main() -> None:
        asked: list[str] = []

        async def there(ahead: float) -> int:
            asked.append(f"there {ahead:g}")
            return 0

        async def dead(ahead: float) -> int:
            asked.append("dead")
            raise UpstreamError("upstream 'dead' refused the connection", phase="connect")

        now = 100.0
        keeping = Keeping(lambda: {"there": there, "dead": dead}, lambda: now)
        await keeping.look()
        assert asked == ["there 10", "dead"]
        await keeping.look()
        assert asked == ["there 10", "dead", "there 10"]

    asyncio.run(main())
