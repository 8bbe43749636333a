"""Whatever the model does, an embed ends with a vector or None, in time, and nothing grows."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from penstock.cache.embedding.breaker import FAILURES, FIRST
from penstock.cache.embedding.service import MOST_LOST, Inline, Limits, Threaded
from penstock.cache.embedding.vectors import checked


class Scripted:
    """A model of two dimensions. Waits for ``gate`` in every text, fails for "bad", finds "long" too long."""

    name, version, dimensions, window, batch = "scripted", "v1", 2, 8, 4

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        self.seen: list[list[str]] = []
        self.threads: set[str] = set()

    def fits(self, text: str) -> bool:
        return text != "long"

    def encode(self, texts: list[str]) -> list[np.ndarray | None]:
        self.seen.append(texts)
        self.threads.add(threading.current_thread().name)
        self.began.set()
        self.gate.wait(20)
        if "bad" in texts:
            raise RuntimeError("scripted failure")
        return [None if text == "long" else checked([len(text), 1.0], 2) for text in texts]


class Clock:
    """Moves the running loop's time forward by ``added`` seconds."""

    def __init__(self) -> None:
        self.added = 0.0
        loop = asyncio.get_running_loop()
        real = loop.time
        loop.time = lambda: real() + self.added  # type: ignore[method-assign]


def run(scenario: Callable[[], Awaitable[None]], limit: float = 20) -> None:
    """``limit``: seconds, those included by which a clock is moved."""

    async def bounded() -> None:
        await asyncio.wait_for(scenario(), limit)

    asyncio.run(bounded())


async def until(fact: Callable[[], bool]) -> None:
    while not fact():  # noqa: ASYNC110 (the fact is made by another thread)
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("kind", [Threaded, Inline])
def test_a_text_becomes_a_vector_and_the_second_time_is_remembered(kind: type[Threaded | Inline]) -> None:
    async def scenario() -> None:
        model = Scripted()
        embedder = kind(model)
        first = await embedder.embed("hello")
        again = await embedder.embed("hello")
        assert first is not None
        assert first is again
        assert float(np.linalg.norm(first)) == pytest.approx(1)
        assert model.seen == [["hello"]]
        assert await embedder.embed("long") is None
        told = embedder.tally.as_dict()
        assert (told["embedded"], told["remembered"], told["long"]) == (1, 1, 1)
        embedder.close()
        assert await embedder.embed("other") is None

    run(scenario)


def test_the_model_runs_on_a_thread_of_its_own_and_the_loop_goes_on() -> None:
    async def scenario() -> None:
        model = Scripted()
        model.gate.clear()
        embedder = Threaded(model)
        waiting = asyncio.ensure_future(embedder.embed("hello"))
        await until(model.began.is_set)
        assert not waiting.done()
        model.gate.set()
        assert await waiting is not None
        assert model.threads == {"embedder scripted"}
        embedder.close()

    run(scenario)


def test_what_waits_goes_together_and_equal_texts_once() -> None:
    async def scenario() -> None:
        model = Scripted()
        model.gate.clear()
        embedder = Threaded(model)
        texts = ["first", *"abcdef", "a", "first"]
        waiting = [asyncio.ensure_future(embedder.embed(text)) for text in texts]
        await until(model.began.is_set)
        model.gate.set()
        vectors = await asyncio.gather(*waiting)
        assert all(vector is not None for vector in vectors)
        assert model.seen == [["first"], ["a", "b", "c", "d"], ["e", "f"]]
        assert vectors[1] is vectors[7]
        embedder.close()

    run(scenario)


def test_a_full_queue_is_a_miss_at_once() -> None:
    async def scenario() -> None:
        model = Scripted()
        model.gate.clear()
        embedder = Threaded(model, Limits(waiting=3))
        waiting = [asyncio.ensure_future(embedder.embed(text)) for text in "abc"]
        await asyncio.sleep(0)
        assert await embedder.embed("d") is None
        assert embedder.tally.full == 1
        model.gate.set()
        assert None not in [type(vector) if vector is None else 1 for vector in await asyncio.gather(*waiting)]
        assert await embedder.embed("d") is not None
        embedder.close()

    run(scenario)


def test_failures_are_none_and_open_the_breaker_until_a_trial_goes_well() -> None:
    async def scenario() -> None:
        clock = Clock()
        model = Scripted()
        embedder = Threaded(model)
        for _ in range(FAILURES):
            assert await embedder.embed("bad") is None
        assert embedder.tally.failed == FAILURES
        assert "scripted failure" in embedder.last_failure
        assert await embedder.embed("good") is None
        assert embedder.tally.resting == 1
        assert len(model.seen) == FAILURES
        clock.added += FIRST + 1
        trial, other = await asyncio.gather(embedder.embed("good"), embedder.embed("other"))
        assert trial is not None
        assert other is None
        assert await embedder.embed("other") is not None
        embedder.close()

    run(scenario)


def test_a_hang_is_none_for_all_that_wait_and_another_thread_is_begun() -> None:
    async def scenario() -> None:
        clock = Clock()
        model = Scripted()
        model.gate.clear()
        embedder = Threaded(model, Limits(deadline=30.0))
        waiting = asyncio.gather(*(embedder.embed(text) for text in "abcdefgh"))
        await until(model.began.is_set)
        clock.added += 31.0
        assert await waiting == [None] * 8
        assert embedder.tally.late == 1
        assert embedder.tally.resting == 7
        model.gate.set()
        clock.added += FIRST + 1
        assert await embedder.embed("after") is not None
        await until(lambda: embedder._lost == 0)
        embedder.close()

    run(scenario, 60)


def test_threads_lost_in_a_hang_are_bounded() -> None:
    async def scenario() -> None:
        clock = Clock()
        model = Scripted()
        model.gate.clear()
        embedder = Threaded(model, Limits(deadline=30.0))
        for number in range(MOST_LOST + 3):
            waiting = asyncio.ensure_future(embedder.embed(f"text {number}"))
            await until(lambda: waiting.done() or len(model.seen) > number)  # noqa: B023 - awaited at once
            clock.added += 1000
            assert await waiting is None
            clock.added += 1000
        assert len(model.seen) == MOST_LOST
        assert embedder._lost == MOST_LOST
        model.gate.set()
        await until(lambda: embedder._lost == 0)
        clock.added += 1000
        assert await embedder.embed("again") is not None
        embedder.close()

    run(scenario, 20_000)


def test_one_caller_that_leaves_takes_nothing_from_another() -> None:
    async def scenario() -> None:
        model = Scripted()
        model.gate.clear()
        embedder = Threaded(model)
        leaving, staying = (asyncio.ensure_future(embedder.embed("same")) for _ in range(2))
        await until(model.began.is_set)
        leaving.cancel()
        model.gate.set()
        assert await staying is not None
        assert leaving.cancelled()
        assert embedder._asking == 0
        embedder.close()

    run(scenario)


def test_closing_ends_all_that_wait() -> None:
    async def scenario() -> None:
        model = Scripted()
        model.gate.clear()
        embedder = Threaded(model)
        waiting = [asyncio.ensure_future(embedder.embed(text)) for text in "abcdefgh"]
        await until(model.began.is_set)
        embedder.close()
        assert await asyncio.gather(*waiting) == [None] * 8
        model.gate.set()

    run(scenario)
