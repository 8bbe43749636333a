import asyncio
import logging

import pytest

from penstock.core.clock import FakeClock
from penstock.core.overload import Pressure
from penstock.memory.leak import MIB, Reading
from penstock.memory.leak_config import LeakConfig
from penstock.memory.ledger import BoundedAccount
from penstock.memory.watching.service import LeakWatch


class Worker:
    """Something that leaks, or not."""

    def __init__(self) -> None:
        self.rss = 100.0 * MIB
        self.calls = 0
        self.collected = 0
        self.gave_up = 0
        self.account = BoundedAccount("cache", 10 * MIB)
        self.account.reserve(3 * MIB)

    def readings(self) -> dict[str, Reading]:
        return {"memory": Reading(self.rss, 0, 5, self.calls)}

    def accounts(self) -> list[BoundedAccount]:
        return [self.account]

    def collect(self) -> int:
        self.collected += 1
        return 7

    def give_up(self) -> int:
        self.gave_up += 1
        self.rss -= 5 * MIB
        return 5 * MIB


def watch(share: float) -> tuple[LeakWatch, Worker, FakeClock]:
    clock, worker, pressure = FakeClock(), Worker(), Pressure()
    pressure.share = share
    return LeakWatch(worker, pressure, clock.now), worker, clock


def run(made: LeakWatch, worker: Worker, clock: FakeClock, leak: int, seconds: int = 300) -> None:
    for _ in range(seconds // 5):
        clock.advance(5)
        worker.calls += 100
        worker.rss += 100 * leak
        made.look()


def test_a_leak_is_told_with_what_is_known_and_collected_twice(caplog: pytest.LogCaptureFixture) -> None:
    made, worker, clock = watch(0.4)
    with caplog.at_level(logging.WARNING):
        run(made, worker, clock, 50_000)
    (line,) = [record.getMessage() for record in caplog.records if "leak suspected" in record.getMessage()]
    assert "48.8 KiB a call" in line
    assert "cache 3.0 MiB" in line
    assert "40 % of the limit" in line
    assert worker.collected == 2
    assert worker.gave_up == 0  # memory is not critically short
    told = made.dump()
    assert told["alarms"]["memory"] >= 1
    assert told["suspicions"]["memory"] >= 3
    assert told["last"]["accounts"] == [["cache", 3 * MIB, 10 * MIB]]


def test_caches_give_up_where_memory_is_still_short() -> None:
    made, worker, clock = watch(0.9)
    run(made, worker, clock, 50_000)
    assert worker.gave_up == 1
    assert made.dump()["clean_ups"] == 1
    assert made.dump()["freed"]["clean up"] == 5 * MIB


def test_the_same_leak_is_told_again_only_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    made, worker, clock = watch(0.4)
    with caplog.at_level(logging.WARNING):
        run(made, worker, clock, 50_000, 550)
        assert sum("leak suspected" in record.getMessage() for record in caplog.records) == 1
        assert made.alarms["memory"] > 1
        run(made, worker, clock, 50_000, 500)
    assert sum("leak suspected" in record.getMessage() for record in caplog.records) == 2


def test_steady_memory_is_no_leak() -> None:
    made, worker, clock = watch(0.9)
    run(made, worker, clock, 0, 3600)
    assert made.dump()["alarms"] == {}
    assert worker.collected == 0


def test_it_runs_and_goes_on_after_a_reading_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    made, worker, _ = watch(0.1)
    looked = asyncio.Event()
    outcomes = iter([OSError("no"), None])

    def readings() -> dict[str, Reading]:
        outcome = next(outcomes, None)
        if outcome is not None:
            raise outcome
        looked.set()
        return {"memory": Reading(1.0, 0, 0, 0)}

    worker.readings = readings  # type: ignore[method-assign]

    async def main() -> None:
        made.follow(LeakConfig(every=0.001))
        task = asyncio.ensure_future(made.run())
        async with asyncio.timeout(20):
            await looked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert "could not be read" in caplog.text
