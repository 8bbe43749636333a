import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.core.clock import FakeClock
from penstock.store.asked import Append, Get, Mark, Put, Write
from penstock.store.sqlite import service
from penstock.store.sqlite.file import marks_of
from penstock.store.sqlite.place.store import Place
from penstock.store.sqlite.service import Held, Reader, Writer
from tests.support.stores import until

FAR = time.time() + 3600


class Rig:
    """A writer and a reader over one file; what they tell is kept."""

    def __init__(self, path: Path, wall: Callable[[], float] = time.time) -> None:
        self.path = path
        self.place = Place(str(path))
        self.told: list[tuple[list[Write], Any]] = []
        loop = asyncio.get_running_loop()
        self.writer = Writer(self.place, loop, lambda batch, results: self.told.append((batch, results)), wall)
        self.reader = Reader(self.place, loop, self._reply, wall)
        self.replies = 0

    def _reply(self, future: asyncio.Future[Any], answer: Any) -> None:
        self.replies += 1
        if not future.done():
            future.set_result(answer)

    async def get(self, key: bytes) -> Any:
        future = asyncio.get_running_loop().create_future()
        self.reader.ask(Get("t", key), future)
        async with asyncio.timeout(10):
            return await future

    def results(self) -> list[Any]:
        return [results for _, results in self.told]


def take_away(folder: Path) -> None:
    for left in folder.iterdir():
        left.unlink()


def break_pages(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096 * 200)


def run(path: Path, work: Callable[[Rig], Awaitable[None]], wall: Callable[[], float] = time.time) -> None:
    async def main() -> None:
        rig = Rig(path, wall)
        try:
            await work(rig)
        finally:
            for thread in (rig.writer, rig.reader):
                thread.stop()
                if thread.ident is not None:
                    await asyncio.to_thread(thread.join, 10)

    asyncio.run(main())


def test_what_waits_is_written_in_one_batch(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        for number in range(500):
            assert rig.writer.offer(Append("l", b"%d" % number, 1000))
        rig.writer.start()
        await until(lambda: rig.told)
        assert [len(batch) for batch, _ in rig.told] == [500]

    run(tmp_path / "s.db", work)


def test_all_that_was_queued_is_written_before_the_end(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.writer.start()
        for number in range(5000):
            assert rig.writer.offer(Put("t", b"%d" % number, b"v", FAR))
        rig.writer.stop()
        assert not rig.writer.offer(Put("t", b"late", b"v", FAR))
        await until(lambda: not rig.writer.is_alive())
        await until(lambda: sum(len(batch) for batch, _ in rig.told) == 5000)
        rig.reader.start()
        assert await rig.get(b"4999") == b"v"

    run(tmp_path / "s.db", work)


def test_a_full_queue_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(rig: Rig) -> None:
        taken = 0
        while rig.writer.offer(Put("t", b"k", bytes(2**20), FAR)):
            taken += 1
        assert 50 < taken < 64
        assert rig.writer.offer(Mark(asyncio.get_running_loop().create_future()))

    run(tmp_path / "s.db", work)


def test_what_cannot_be_written_is_lost_and_the_next_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAUSE_SECONDS", 0.05)
    folder = tmp_path / "s.db"
    folder.mkdir()

    async def work(rig: Rig) -> None:
        rig.writer.start()
        rig.reader.start()
        rig.writer.offer(Put("t", b"1", b"v", FAR))
        await until(lambda: rig.told)
        assert isinstance(rig.results()[0], OSError)
        assert isinstance(await rig.get(b"1"), OSError)
        folder.rmdir()
        rig.writer.offer(Put("t", b"2", b"v", FAR))
        await until(lambda: len(rig.told) == 2)
        assert rig.results()[1] == [None]
        await asyncio.sleep(0.06)
        assert await rig.get(b"2") == b"v"

    run(folder, work)


def test_expired_records_are_deleted_in_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TIDY_SECONDS", 0.02)
    clock = FakeClock()

    async def work(rig: Rig) -> None:
        for number in range(700):
            rig.writer.offer(Put("t", b"%d" % number, b"v", clock.wall() + 5))
        rig.writer.start()
        await until(lambda: rig.told)
        held = Held(rig.place)
        assert held.connection().execute("SELECT count(*) FROM records_t").fetchone() == (700,)
        clock.advance(5)
        await until(lambda: held.connection().execute("SELECT count(*) FROM records_t").fetchone() == (0,))
        held.close()

    run(tmp_path / "s.db", work, clock.wall)


def test_a_file_that_was_taken_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def work(rig: Rig) -> None:
        rig.writer.start()
        rig.reader.start()
        rig.writer.offer(Put("t", b"1", b"v", FAR))
        await until(lambda: rig.told)
        assert await rig.get(b"1") == b"v"
        before = rig.place.incarnation
        take_away(tmp_path)
        assert await rig.get(b"1") is None
        assert rig.place.incarnation not in ("", before)
        rig.writer.offer(Put("t", b"2", b"v", FAR))
        await until(lambda: len(rig.told) == 2)
        assert await rig.get(b"2") == b"v"

    run(path, work)


def test_damage_that_is_met_while_serving_moves_the_file_aside(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def work(rig: Rig) -> None:
        rig.writer.start()
        rig.reader.start()
        for number in range(500):
            rig.writer.offer(Put("t", b"%d" % number, bytes(1000), FAR))
        await until(lambda: sum(len(batch) for batch, _ in rig.told) == 500)
        assert await rig.get(b"1") == bytes(1000)
        before, marks = rig.place.incarnation, marks_of(str(path))
        held = Held(rig.place)
        held.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        break_pages(path)
        held.close()
        for number in range(500):
            assert await rig.get(b"%d" % number) in (None, bytes(1000))
            rig.writer.offer(Put("t", b"new%d" % number, b"v", FAR))
        await until(lambda: sum(len(batch) for batch, _ in rig.told) == 1000)
        assert marks_of(str(path)) != marks
        assert rig.place.incarnation != before
        assert [name for name in os.listdir(tmp_path) if name.startswith("s.db.damaged-")]
        rig.writer.offer(Put("t", b"last", b"v", FAR))
        await until(lambda: sum(len(batch) for batch, _ in rig.told) == 1001)
        assert await rig.get(b"last") == b"v"

    run(path, work)


def test_a_question_that_was_given_up_is_not_asked_and_told_all_the_same(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        rig.reader.ask(Get("t", b"k"), future)
        rig.reader.start()
        await until(lambda: rig.replies == 1)
        assert not rig.path.exists()

    run(tmp_path / "s.db", work)
