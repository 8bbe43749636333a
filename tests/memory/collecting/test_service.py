import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from penstock.core.clock import FakeClock
from penstock.core.overload import Pressure
from penstock.memory.collecting import service
from penstock.memory.collecting.service import FOLLOWED_SECONDS, Collecting
from penstock.memory.collector import EAGER, FULL_SECONDS, ORDINARY
from penstock.memory.collector_config import CollectorConfig


class Ring:
    """Garbage that refers to itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    gc.collect()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def ring() -> weakref.ref[Ring]:
    return weakref.ref(Ring())


def made(clock: FakeClock, pressure: Pressure | None = None, in_flight: int = 0) -> Collecting:
    return Collecting(pressure or Pressure(), lambda: in_flight, clock.now)


async def started(collecting: Collecting) -> asyncio.Task[None]:
    task = asyncio.ensure_future(collecting.run())
    await asyncio.sleep(0)
    return task


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_it_sets_the_thresholds_measures_and_puts_all_back() -> None:
    before, callbacks = gc.get_threshold(), list(gc.callbacks)

    async def main() -> None:
        collecting = made(FakeClock())
        task = await started(collecting)
        assert gc.get_threshold() == ORDINARY
        lost = ring()
        gc.collect()
        assert lost() is None
        told = collecting.dump()
        assert told["times"][2] == 1
        assert told["freed"][2] >= 1
        assert told["seconds"] > 0
        await ended(task)

    asyncio.run(main())
    assert gc.get_threshold() == before
    assert gc.callbacks == callbacks


def test_a_reload_makes_even_the_frozen_be_looked_at() -> None:
    clock = FakeClock()
    collecting = made(clock)
    collecting.follow(CollectorConfig())  # at start: nothing to look for
    lost = ring()
    gc.freeze()
    collecting.turn(0.0)
    gc.collect()
    assert lost() is not None
    collecting.follow(CollectorConfig())
    collecting.turn(0.0)
    assert lost() is None
    assert collecting.made["deep"] == 1
    assert gc.get_freeze_count() > 0


def test_settings_that_change_each_minute_do_not_have_everything_looked_at_each_time() -> None:
    clock = FakeClock()
    collecting = made(clock)
    for _ in range(4):
        collecting.follow(CollectorConfig())
        collecting.turn(0.0)
        clock.advance(60)
    assert collecting.made["deep"] == 1
    clock.advance(FOLLOWED_SECONDS)
    collecting.turn(0.0)
    assert collecting.made["deep"] == 2


def test_it_waits_while_calls_are_in_flight_but_not_for_ever() -> None:
    clock = FakeClock()
    collecting = made(clock, in_flight=5)
    collecting.follow(CollectorConfig())
    collecting.follow(CollectorConfig())
    collecting.turn(0.0)
    assert not collecting.made
    clock.advance(CollectorConfig().postpone)
    collecting.turn(1.0)
    assert collecting.made["deep"] == 1


def test_pressure_is_followed_and_forces() -> None:
    clock, pressure = FakeClock(), Pressure()
    collecting = made(clock, pressure, in_flight=5)
    pressure.share = 0.95
    clock.advance(31)
    collecting.turn(1.0)
    assert gc.get_threshold() == EAGER
    assert collecting.made == {"forced": 1}
    assert collecting.dump()["mood"] == "eager"


def test_what_survives_a_full_one_is_frozen() -> None:
    clock = FakeClock()
    collecting = made(clock)
    clock.advance(FULL_SECONDS)
    collecting.turn(0.0)
    assert collecting.made["full"] == 1
    assert collecting.dump()["frozen"] == pytest.approx(gc.get_freeze_count(), abs=100)  # the test itself makes some
    assert gc.get_freeze_count() > 1000


def test_the_loop_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TICK_SECONDS", 0.001)

    async def main() -> None:
        clock = FakeClock()
        collecting = made(clock)
        task = await started(collecting)
        clock.advance(FULL_SECONDS)
        async with asyncio.timeout(20):
            while not collecting.made["full"]:  # noqa: ASYNC110 - it has no event of its own
                await asyncio.sleep(0.001)
        await ended(task)

    asyncio.run(main())
