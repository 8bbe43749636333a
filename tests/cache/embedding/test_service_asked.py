"""Embedders that are servers: whatever they answer, it ends with a vector or None."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from penstock.cache.embedding.embedder import Served
from penstock.cache.embedding.service import Asked, Limits
from penstock.core.tasks import Crew


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(scenario(), 20)

    asyncio.run(bounded())


KIND = Served("upstream", "upstream-v1", 2, 8, batch=3)


def asked(answer: Callable[[list[str]], Awaitable[object]], limits: Limits | None = None) -> Asked:
    return Asked(answer, Crew("test"), KIND, limits)  # type: ignore[arg-type]


def test_a_server_is_asked_in_batches() -> None:
    seen: list[list[str]] = []

    async def answer(texts: list[str]) -> list[list[float]]:
        seen.append(texts)
        await asyncio.sleep(0)
        return [[3.0, 4.0] for _ in texts]

    async def scenario() -> None:
        embedder = asked(answer)
        vectors = await asyncio.gather(*(embedder.embed(text) for text in "abcdefg"))
        assert [vector.tolist() for vector in vectors if vector is not None] == [pytest.approx([0.6, 0.8])] * 7
        assert seen == [["a"], ["b"], ["c", "d", "e"], ["f", "g"]]
        assert await embedder.embed("x" * 100) is None
        assert not embedder.fits("x" * 100)
        assert embedder.tally.long == 1

    run(scenario)


@pytest.mark.parametrize(
    "told", [[[1.0]], [[1.0, float("nan")]], [], [[1.0, 2.0], [1.0, 2.0]], None, [None], ["no"], {"data": []}]
)
def test_nonsense_of_a_server_is_none(told: object) -> None:
    async def answer(texts: list[str]) -> object:
        return told

    async def scenario() -> None:
        embedder = asked(answer)
        assert await embedder.embed("a") is None
        assert embedder.tally.failed == 1
        assert embedder.last_failure

    run(scenario)


def test_a_server_that_is_silent_is_given_up() -> None:
    ended = asyncio.Event()

    async def answer(texts: list[str]) -> object:
        try:
            await asyncio.sleep(100)
        finally:
            ended.set()
        return None

    async def scenario() -> None:
        embedder = asked(answer, Limits(deadline=0.05))
        assert await embedder.embed("a") is None
        assert embedder.tally.late == 1
        await ended.wait()
        assert await embedder.embed("b") is None
        assert embedder.tally.resting == 1
        embedder.close()

    run(scenario)


def test_a_server_that_fails_is_none() -> None:
    async def answer(texts: list[str]) -> object:
        raise ConnectionError("no way there")

    async def scenario() -> None:
        embedder = asked(answer)
        assert await embedder.embed("a") is None
        assert "no way there" in embedder.last_failure
        embedder.close()
        assert await embedder.embed("a") is None

    run(scenario)
