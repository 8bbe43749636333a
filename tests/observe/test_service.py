import asyncio

import pytest

from penstock.observe import service
from penstock.observe.service import Disk, LoopLag, StoreLatency
from penstock.process.loop import run


def test_the_lag_is_what_the_loop_was_late(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    seen = list[tuple[str, float]]()

    async def sleep(seconds: float) -> None:
        if len(seen) == 2:
            raise asyncio.CancelledError
        now[0] += seconds + (0.25 if not seen else 0.0)

    monkeypatch.setattr(service.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        run(LoopLag(lambda name, value: seen.append((name, value)), lambda: now[0]).run())
    assert seen == [("loop_lag", pytest.approx(0.25)), ("loop_lag", 0.0)]


def test_the_store_is_as_slow_as_its_answer_and_an_error_is_an_answer() -> None:
    now = [0.0]
    seen = list[tuple[str, float]]()

    async def slow() -> bool:
        now[0] += 0.75
        return True

    async def away() -> bool:
        now[0] += 0.5
        raise OSError("away")

    for flush in (slow, away):
        run(StoreLatency(lambda name, value: seen.append((name, value)), flush, lambda: now[0]).sample())
    assert seen == [("store_latency", 0.75), ("store_latency", 0.5)]


def test_a_store_that_never_answers_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "STORE_WAIT_SECONDS", 0.01)
    seen = list[str]()

    async def never() -> None:
        await asyncio.Event().wait()

    run(StoreLatency(lambda name, _: seen.append(name), never, lambda: 0.0).sample())
    assert seen == ["store_latency"]


def test_a_disk_is_told_as_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    held = dict[str, float | None]()
    monkeypatch.setattr(service, "probe", lambda folder: (0.25, 0.002) if folder == "/there" else (None, None))
    run(Disk(held.__setitem__, "/there").sample())
    assert held == {"disk_free": 0.25, "disk_latency": 0.002}
    run(Disk(held.__setitem__, "/gone").sample())
    assert held == {"disk_free": None, "disk_latency": None}
