"""The lines of a job in flight, with an upstream that answers when it is told to."""

import asyncio
from pathlib import Path
from typing import Any

from penstock.core.tasks import Crew
from penstock.jobs.lines import Line
from penstock.jobs.pace import Pace
from penstock.jobs.results.store import Log
from penstock.jobs.verdict import Answer
from penstock.jobs.work.asked.service import Queue
from penstock.jobs.work.store import Input
from penstock.memory.ledger import BoundedAccount
from tests.jobs.test_service import desk
from tests.support.jobs import job, jsonl, line


class Asking:
    """Answers with what ``script`` holds for a line, else well."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.script: dict[str, list[int]] = {}
        self.in_flight = 0
        self.gate = asyncio.Event()

    async def ask(self, job: Any, line: Line) -> Answer:
        self.asked.append(line.custom_id)
        await self.gate.wait()
        statuses = self.script.get(line.custom_id)
        return Answer(statuses.pop(0) if statuses else 200, "r", b"{}", retry_after=0.0)


class Rig:
    def __init__(self, folder: Path, count: int, *, account: int = 10**9, **settings: Any) -> None:
        self.desk = desk(folder, **settings)
        self.asking = Asking()
        self.desk.asking = self.asking  # type: ignore[assignment]
        self.desk.account = self.account = BoundedAccount("jobs", account)
        self.desk.now = asyncio.get_running_loop().time
        self.desk.overload.limit = 1000
        folder.mkdir(exist_ok=True)
        (folder / "in").write_bytes(jsonl(*(line(n) for n in range(count))))
        self.lines = Input(str(folder / "in"), 10_000)
        self.lines.index()
        self.log = Log(self.desk.shelf.place, str(folder / "log"))
        self.crew = Crew("test")
        self.queue = Queue(self.desk, job(), Pace(64, 0.8), self.lines, self.log, self.crew)
        self.crew.spawn(self.queue.keep_answers(), "keep")

    async def finish(self) -> None:
        async with asyncio.timeout(30):
            while not self.queue.finished:
                self.queue.send()
                await self.queue.changed(0.05)

    async def close(self) -> None:
        await self.crew.aclose()
        self.queue.drop()
        self.lines.close()
        self.log.close()
        assert self.account.held == 0


def test_all_lines_are_asked_once_and_kept(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path, 30)
        rig.asking.gate.set()
        assert rig.queue.waiting == 30
        await rig.finish()
        assert sorted(rig.asking.asked) == sorted(f"id-{n}" for n in range(30))
        assert (rig.log.sums.completed, rig.queue.waiting) == (30, 0)
        await rig.close()

    asyncio.run(main())


def test_full_ones_are_asked_again_without_end_and_failed_ones_are_not(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path, 3, attempts=2)
        rig.asking.gate.set()
        rig.asking.script = {"id-0": [429] * 3, "id-1": [500, 500, 200], "id-2": [404]}
        await rig.finish()
        counts = [rig.asking.asked.count(f"id-{n}") for n in range(3)]
        assert counts == [4, 2, 1]
        assert (rig.log.sums.completed, rig.log.sums.failed) == (1, 2)
        await rig.close()

    async def quick() -> None:
        from penstock.jobs.work.asked import service

        service.FIRST_WAIT, kept = 0.01, service.FIRST_WAIT
        try:
            await main()
        finally:
            service.FIRST_WAIT = kept

    asyncio.run(quick())


def test_memory_bounds_what_is_in_flight(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path, 10, account=40_000)
        rig.queue.send()
        await asyncio.sleep(0)
        assert rig.queue.in_flight == 2
        rig.asking.gate.set()
        await rig.finish()
        assert rig.log.sums.completed == 10
        await rig.close()

    asyncio.run(main())


def test_what_was_answered_and_not_kept_is_kept_at_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path, 4)
        rig.queue.send()
        rig.asking.gate.set()
        for _ in range(3):  # the answers are here; their writer has not come to its turn, or has only begun
            await asyncio.sleep(0)
        await rig.close()
        again = Log(rig.desk.shelf.place, str(tmp_path / "log"))
        assert len(again.done) == 4
        again.close()

    asyncio.run(main())


def test_rest_waits_for_what_is_in_flight(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path, 4)
        rig.queue.send()
        await rig.queue.rest(0.02)
        assert rig.queue.in_flight == 4
        asyncio.get_running_loop().call_later(0.01, rig.asking.gate.set)
        await rig.queue.rest(30.0)
        assert (rig.queue.in_flight, len(rig.log.done)) == (0, 4)
        await rig.close()

    asyncio.run(main())
