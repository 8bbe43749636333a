import asyncio
import contextlib
from itertools import pairwise

import pytest

from penstock.core.overload import Pressure
from penstock.memory.governor import Governor
from penstock.memory.ledger import Ledger
from penstock.memory.limit import MIB, Limit
from penstock.memory.service import SHORT_SECONDS, Watch
from penstock.process.loop import run

LIMIT = Limit(1000 * MIB, "memory.limit", 1000 * MIB)
BASE = 50 * MIB


class Machine:
    """``rss`` is what the process uses; giving back brings it down to ``least``."""

    def __init__(self) -> None:
        self.rss = BASE
        self.least = BASE
        self.given = 0
        self.ledger = Ledger()
        self.account = self.ledger.account("bodies", 1000 * MIB)
        self.pressure = Pressure()
        self.governor = Governor(
            LIMIT, BASE, self.ledger, self.pressure,
            caches=[], buffers=[], resume=lambda _: None, now=lambda: 100.0,
        )  # fmt: skip
        self.watch = Watch(self.governor, self.ledger, lambda: self.rss, self.give_back, lambda: 100.0, 3600.0)

    def give_back(self) -> bool:
        self.given += 1
        self.rss = self.least
        return True


def test_what_lies_free_is_given_back() -> None:
    async def main() -> None:
        machine = Machine()
        machine.rss = BASE + 200 * MIB
        await machine.watch.look()
        assert machine.given == 1
        assert machine.governor.dump()["steps"]["give back"][:2] == [1, 200 * MIB]
        assert machine.pressure.share == pytest.approx(0.05)

    run(main())


def test_what_is_in_use_is_not_asked_back_again_and_again() -> None:
    async def main() -> None:
        machine = Machine()
        machine.rss = machine.least = BASE + 200 * MIB
        await machine.watch.look()
        await machine.watch.look()
        assert machine.given == 1
        assert not machine.governor.steps

    run(main())


def test_what_is_accounted_for_is_not_taken_for_free() -> None:
    async def main() -> None:
        machine = Machine()
        machine.account.reserve(200 * MIB)
        machine.rss = BASE + 200 * MIB
        await machine.watch.look()
        assert machine.given == 0

    run(main())


def test_when_it_is_short_it_collects_but_not_all_the_time() -> None:
    async def main() -> None:
        machine = Machine()
        machine.account.reserve(800 * MIB)
        machine.rss = machine.least = 850 * MIB
        await machine.watch.look()
        await machine.watch.look()
        assert machine.governor.steps["collect"] == 1

    run(main())


def test_a_burst_is_looked_at_at_once_and_a_look_that_fails_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        machine = Machine()
        failed, looked = asyncio.Event(), asyncio.Event()
        machine.ledger.alarm_at = 0

        def resident() -> int:
            if not failed.is_set():
                failed.set()
                machine.ledger.alarm_at = 0
                raise OSError("no")
            asyncio.get_running_loop().call_soon(looked.set)
            return machine.rss

        machine.watch = Watch(machine.governor, machine.ledger, resident, machine.give_back, lambda: 100.0, 3600.0)
        task = asyncio.get_running_loop().create_task(machine.watch.run())
        try:
            async with asyncio.timeout(20):
                machine.rss = machine.least = BASE + 700 * MIB
                machine.account.reserve(350 * MIB)
                await failed.wait()
                machine.account.reserve(350 * MIB)
                await looked.wait()
                assert machine.pressure.level == 3
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    run(main())
    assert "could not be looked at" in caplog.text


def test_while_calls_are_shed_it_is_looked_at_more_often() -> None:
    async def main() -> None:
        machine = Machine()
        assert machine.watch.pause == 3600.0
        machine.account.reserve(750 * MIB)
        machine.rss = machine.least = 800 * MIB
        await machine.watch.look()
        assert machine.watch.pause == SHORT_SECONDS
        machine.account.release(750 * MIB)
        machine.rss = machine.least = BASE
        await machine.watch.look()
        assert machine.watch.pause == 3600.0

    run(main())


def test_memory_that_does_not_come_free_is_tried_for_less_and_less_often() -> None:
    async def main() -> None:
        machine, now, tries = Machine(), [0.0], []

        def in_vain() -> bool:
            tries.append(now[0])
            return False

        watch = Watch(machine.governor, machine.ledger, lambda: BASE + 100 * MIB, in_vain, lambda: now[0], 5.0)
        for tenth in range(2000):
            now[0] = tenth / 10
            await watch.look()
        gaps = [round(after - before, 3) for before, after in pairwise(tries)]
        assert gaps == [2, 4, 8, 16, 30, 30, 30, 30, 30]

    run(main())
