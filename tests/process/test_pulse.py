import asyncio
from typing import Any

from penstock.process.pulse import FRESH_SECONDS, PulseOfAll
from tests.edge.test_live_sums import pulse


class Workers:
    """One worker that has counted a call a second, and two errors of an upstream before it was first asked."""

    def __init__(self) -> None:
        self.time = 100.0
        self.asked: list[Any] = []

    async def ask_all(self, name: str, value: Any, *, within: float) -> list[Any]:
        assert name == "pulse"
        self.asked.append(value["recent"])
        recent = {"calls": 7, "faults": {"upstream a": 2}}
        return [pulse(calls=int(self.time), faults={"upstream a": 2}, recent=recent)]


def test_however_many_ask_it_is_done_once() -> None:
    async def main() -> None:
        workers = Workers()
        of_all = PulseOfAll(workers.ask_all, lambda: workers.time, lambda: workers.time)
        told = await asyncio.gather(*(of_all.now() for _ in range(20)))
        assert len(workers.asked) == 1
        assert all(one is told[0] for one in told)
        workers.time += FRESH_SECONDS
        assert (await of_all.now())["at"] == workers.time
        assert len(workers.asked) == 2

    asyncio.run(main())


def test_at_first_from_the_last_calls_then_from_what_was_counted() -> None:
    async def main() -> None:
        workers = Workers()
        of_all = PulseOfAll(workers.ask_all, lambda: workers.time, lambda: workers.time)
        told = []
        for _ in range(14):
            told.append(await of_all.now())
            workers.time += 1.0
        assert workers.asked == [True] * 10 + [False] * 4
        assert (told[0]["calls"], told[0]["faults"]["upstream"]) == (7, 2)
        assert [one["calls_per_second"] for one in told[-3:]] == [1.0] * 3
        assert told[-1]["faults"]["upstream"] == 0
        workers.time += 60.0  # nobody looked for a while: what was seen then says nothing of now
        assert (await of_all.now())["calls"] == 7

    asyncio.run(main())
