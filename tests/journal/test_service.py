import asyncio

import pytest

from penstock.journal.service import Ageing, Secret
from tests.support.logs import looped


class Counters:
    def __init__(self, away: int = 0) -> None:
        self.kept: dict[str, bytes] = {}
        self.away = away

    async def add(self, name: str, amount: int, expires: float | None = None) -> int:
        raise AssertionError

    async def once(self, name: str, value: bytes) -> bytes:
        if self.away:
            self.away -= 1
            raise OSError("away")
        return self.kept.setdefault(name, value)


@looped
async def test_all_who_share_a_store_get_one_secret() -> None:
    shared = Counters()
    taken: list[bytes] = []
    await Secret(shared, taken.append).run()
    await Secret(shared, taken.append).run()
    assert taken[0] == taken[1]
    assert len(taken[0]) == 32
    await Secret(Counters(), taken.append).run()
    assert taken[2] != taken[0]


@looped
async def test_a_store_that_is_away_is_asked_again() -> None:
    taken: list[bytes] = []
    await asyncio.wait_for(Secret(Counters(away=3), taken.append, again=0.001).run(), 20)
    assert len(taken) == 1


@looped
async def test_it_may_be_cancelled_while_it_waits() -> None:
    task = asyncio.create_task(Secret(Counters(away=10**9), pytest.fail, again=60).run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_it_looks_for_old_rows_again_and_again() -> None:
    async def main() -> None:
        looked = 0
        enough = asyncio.Event()

        async def look() -> None:
            nonlocal looked
            looked += 1
            if looked == 3:
                enough.set()

        service = asyncio.ensure_future(Ageing(look, every=0.001).run())
        async with asyncio.timeout(20):
            await enough.wait()
        service.cancel()

    asyncio.run(main())
