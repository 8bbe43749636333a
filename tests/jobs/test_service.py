"""Who takes which job, and when what is old is let go."""

import asyncio
from pathlib import Path
from typing import Any

from penstock.core.overload import Overload
from penstock.core.tasks import Crew
from penstock.jobs.asking.service import Asking
from penstock.jobs.config import JobsConfig
from penstock.jobs.numbers import Numbers
from penstock.jobs.service import Jobs
from penstock.jobs.work.service import Desk, Work
from penstock.memory.ledger import BoundedAccount
from tests.support.jobs import job, jsonl, keep_job, line, shelf


def desk(folder: Path, **settings: Any) -> Desk:
    asking = Asking(lambda: None, lambda: "req", lambda: 0.0)  # type: ignore[arg-type,return-value]
    return Desk(
        shelf(folder), JobsConfig(**settings), asking, BoundedAccount("jobs", 10**9), Overload(10), Numbers(),
        lambda: 100.0, lambda: 2000.0, lambda model: True, lambda key: True, lambda: False, lambda job: None,
        lambda *_: None,
    )  # fmt: skip


def test_as_many_as_may_be_the_eldest_first_and_none_that_another_has(tmp_path: Path, monkeypatch: Any) -> None:
    ran: list[str] = []
    hold = asyncio.Event()

    async def work(self: Work) -> None:
        ran.append(self.job.id)
        await hold.wait()
        self.desk.shelf.unlock(self._lock)

    monkeypatch.setattr(Work, "run", work)

    async def main() -> None:
        own = desk(tmp_path, running=2)
        ids = [f"batch_pen_0000000{n}" for n in range(5)]
        keep_job(own.shelf, jsonl(line(1)), id=ids[0], status="completed", ended=1900.0)
        for n in (1, 2, 3, 4):
            own.shelf.keep_job(own.shelf.draft(), job(id=ids[n], created=1000.0 - n))
        taken = own.shelf.lock(job(id=ids[4]))
        assert taken is not None
        crew = Crew("test")
        jobs = Jobs(own, crew)
        await jobs._look()
        await asyncio.sleep(0)
        assert ran == [ids[3], ids[2]]
        assert jobs.ended == {ids[0]}
        await jobs._look()
        await asyncio.sleep(0)
        assert len(ran) == 2
        assert own.numbers.running == 2
        hold.set()
        async with asyncio.timeout(20):
            while jobs.works:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
        await crew.aclose()
        own.shelf.unlock(taken)

    asyncio.run(main())


def test_a_job_that_cannot_go_on_is_left_for_a_while(tmp_path: Path, monkeypatch: Any) -> None:
    tries = 0

    async def work(self: Work) -> None:
        nonlocal tries
        tries += 1
        self.desk.shelf.unlock(self._lock)
        raise OSError("the disk is gone")

    monkeypatch.setattr(Work, "run", work)

    async def main() -> None:
        own = desk(tmp_path)
        keep_job(own.shelf, jsonl(line(1)))
        crew = Crew("test")
        jobs = Jobs(own, crew)
        for _ in range(3):
            await jobs._look()
            while jobs.works:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
        assert tries == 1
        own.now = lambda: 106.0
        await jobs._look()
        while jobs.works:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        assert tries == 2
        await crew.aclose()

    asyncio.run(main())


def test_switched_off_or_never_used_it_does_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        crew = Crew("test")
        await Jobs(desk(tmp_path), crew)._look()
        assert not (tmp_path / "jobs").exists()
        own = desk(tmp_path, enabled=False)
        keep_job(own.shelf, jsonl(line(1)))
        jobs = Jobs(own, crew)
        await jobs._look()
        assert not jobs.works
        await crew.aclose()

    asyncio.run(main())
