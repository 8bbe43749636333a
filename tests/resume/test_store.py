"""Streams of another worker, without another worker: the question is answered in place."""

import asyncio
from typing import Any

import pytest

from penstock.core.errors import CallerError, UpstreamError
from penstock.core.reply import Whole
from penstock.core.tasks import Crew
from penstock.memory.ledger import BoundedAccount
from penstock.process.loop import run
from penstock.resume.config import ResumeConfig
from penstock.resume.kept import Kept
from penstock.resume.store import BATCH_BYTES, FarReader, answer
from penstock.resume.streams import Streams
from tests.support.keeping import Client, client, events
from tests.support.scripted import Puppet
from tests.support.targets import exchange


class Owner:
    def __init__(self, most: int = 4_000_000) -> None:
        self.streams = Streams(1, BoundedAccount("resume", 100_000_000), lambda: 0.0, lambda kept: None)
        self.streams.settings = ResumeConfig(max_bytes=most)
        self.asked = 0
        self.crew = Crew("test")

    def kept(self) -> Kept:
        parent = exchange()
        parent.key = "key-1"
        kept = self.streams.open(parent, parent.fork("kept"))
        assert kept is not None
        return kept

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        return await answer(self.streams, question, wait=0.05)

    async def far(self, kept: Kept, after: int = 0, key: str = "key-1") -> FarReader:
        reader = FarReader(self.ask, self.crew, kept.id, key, after)
        await reader.open()
        return reader


async def until(got: Client, count: int) -> None:
    async with asyncio.timeout(5):
        while len(got.data) < count or (count == 0 and not got.ends):  # noqa: ASYNC110 - no event of its own
            await asyncio.sleep(0)


def test_a_finished_stream_comes_whole_in_batches() -> None:
    async def main() -> None:
        owner = Owner()
        kept = owner.kept()
        client(kept.begin(Whole(*events(1, 3000, 200))))
        got = client(await owner.far(kept, 1000), 1000)
        await until(got, 2000)
        await until(got, 0)
        assert got.ends == [None]
        assert owner.asked == 1 + 2000 * 210 // BATCH_BYTES
        assert owner.streams.resumed == 1
        await owner.crew.aclose()

    run(main())


def test_a_running_stream_is_followed_and_its_end_is_told() -> None:
    async def main() -> None:
        owner = Owner()
        kept = owner.kept()
        puppet = Puppet()
        first = kept.begin(puppet)
        client(first)
        puppet.push(b"data: 1\n\n")
        first.cancel("gone")
        got = client(await owner.far(kept))
        await until(got, 1)
        for number in (2, 3):
            puppet.push(b"data: %d\n\n" % number)
            await until(got, number)
        puppet.end(UpstreamError("cut: hush", code="upstream_cut", quoted="hush"))
        await until(got, 0)
        (error,) = got.ends
        assert error is not None
        assert (error.status, error.code, error.fault) == (502, "upstream_cut", "upstream")
        assert (error.message, error.loggable) == ("cut: hush", "cut: (not logged)")
        await owner.crew.aclose()

    run(main())


def test_a_paused_reader_asks_for_nothing() -> None:
    async def main() -> None:
        owner = Owner()
        kept = owner.kept()
        client(kept.begin(Whole(*events(1, 5000, 200))))
        far = await owner.far(kept)
        far.pause()
        got = client(far)
        for _ in range(50):
            await asyncio.sleep(0)
        assert (owner.asked, got.data) == (1, [])
        far.resume()
        await until(got, 5000)
        await owner.crew.aclose()

    run(main())


def test_cancelling_leaves_the_stream_to_others() -> None:
    async def main() -> None:
        owner = Owner()
        kept = owner.kept()
        puppet = Puppet([b"data: 1\n\n"])
        client(kept.begin(puppet))
        far = await owner.far(kept)
        got = client(far)
        far.cancel("gone")
        puppet.end()
        for _ in range(20):
            await asyncio.sleep(0)
        assert got.ends == []
        assert client(kept.reader(0)).ends == [None]
        await owner.crew.aclose()

    run(main())


@pytest.mark.parametrize(("key", "after", "status"), [("key-2", 0, 404), ("key-1", 9, 400)])
def test_what_its_owner_refuses_is_refused_here(key: str, after: int, status: int) -> None:
    async def main() -> None:
        owner = Owner()
        kept = owner.kept()
        client(kept.begin(Puppet([b"data: 1\n\n"])))
        with pytest.raises(CallerError) as refused:
            await owner.far(kept, after, key)
        assert refused.value.status == status

    run(main())


def test_an_owner_that_does_not_answer_is_an_error() -> None:
    async def silent(question: dict[str, Any]) -> dict[str, Any]:
        raise OSError("gone")

    async def main() -> None:
        with pytest.raises(Exception, match="does not answer"):
            await FarReader(silent, Crew("test"), "stream_1xa", "key-1", 0).open()

    run(main())


def test_an_owner_ends_a_stream_when_told() -> None:
    async def main() -> None:
        owner = Owner()
        kept = owner.kept()
        client(kept.begin(Puppet()))
        question = {"id": kept.id, "key": "key-2", "after": 0, "first": False, "end": True}
        assert (await owner.ask(question))["failed"]["status"] == 404
        assert await owner.ask({**question, "key": "key-1"}) == {"ended": True}
        with pytest.raises(CallerError):
            owner.streams.find(kept.id, "key-1")

    run(main())
