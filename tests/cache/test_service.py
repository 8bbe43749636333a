"""Following the store: at start, from there on, through its absence and its loss."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from penstock.cache.config import CacheConfig
from penstock.cache.service import SECRET, Following, flush
from penstock.cache.store import ANSWERS, ENTRIES, LOG, Shelf
from penstock.core.clock import FakeClock
from penstock.core.stored import Missed, Store
from penstock.memory.ledger import BoundedAccount
from tests.support.caching import WALL, answer, entry, id_of, shelf
from tests.support.shared_store import FakeLog, FakeStore, Shared

SOON = 20.0


@contextlib.asynccontextmanager
async def following(store: Store | None, me: str, secret: str | None = None) -> AsyncIterator[Shelf]:
    config = CacheConfig()
    one = Shelf(store, BoundedAccount("cache", config.memory), config, me, FakeClock(wall=WALL).wall)
    service = Following(one, lambda: secret, lambda: None, asyncio.get_running_loop().time)
    task = asyncio.ensure_future(service.run())
    try:
        yield one
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON):
        while not fact():  # noqa: ASYNC110 - the fact has no event
            await asyncio.sleep(0.005)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


def test_without_a_store_it_is_ready_at_once() -> None:
    async def work() -> None:
        async with following(None, "a") as one:
            await until(lambda: one.ready)
            assert one.secret
            assert one.keep(entry("a"), answer())

    run(work)


def test_one_that_starts_later_knows_what_was_there_and_what_comes() -> None:
    async def work() -> None:
        state = Shared()
        async with following(FakeStore(state), "a") as one:
            await until(lambda: one.ready)
            for number in range(10):
                one.keep(entry(str(number)), answer())
            one.flush({"id": id_of("3").hex()})
            async with following(FakeStore(state), "b") as two:
                await until(lambda: two.ready)
                assert two.secret == one.secret
                assert len(two.directory) == 9
                one.keep(entry("new"), answer())
                await until(lambda: two.find(id_of("new")))
                two.flush({"id": id_of("new").hex()})
                await until(lambda: one.find(id_of("new")) is None)

    run(work)


def test_a_configured_secret_counts() -> None:
    async def work() -> None:
        state = Shared()
        async with following(FakeStore(state), "a", "a configured secret") as one:
            await until(lambda: one.ready)
            assert one.secret == b"a configured secret"
            assert SECRET not in state.names

    run(work)


def test_while_the_store_is_away_nothing_is_told() -> None:
    async def work() -> None:
        state = Shared()
        async with following(FakeStore(state), "a") as one:
            await until(lambda: one.ready)
            one.keep(entry("a"), answer())
            state.away = True
            await until(lambda: not one.ready)  # another's delete would not be heard
            assert one.find(id_of("a")) is None
            state.away = False
            await until(lambda: one.ready)
            assert one.find(id_of("a")) is not None

    run(work)


def test_a_store_that_is_away_at_start_is_waited_for() -> None:
    async def work() -> None:
        state = Shared()
        state.away = True
        async with following(FakeStore(state), "a") as one:
            await asyncio.sleep(0.05)
            assert not one.ready
            state.away = False
            await until(lambda: one.ready)

    run(work)


def test_a_store_that_came_back_empty_is_read_anew_with_the_same_secret() -> None:
    async def work() -> None:
        state = Shared()
        async with following(FakeStore(state), "a") as one, following(FakeStore(state), "b") as two:
            await until(lambda: one.ready and two.ready)
            secret = one.secret
            one.keep(entry("a"), answer())
            await until(lambda: two.find(id_of("a")))
            state.lose()
            await until(lambda: one.ready and two.ready and not one.directory.entries and not two.directory.entries)
            assert one.secret == two.secret == secret == state.names[SECRET]
            one.keep(entry("b"), answer())
            await until(lambda: two.find(id_of("b")))

    run(work)


def test_one_that_fell_behind_reads_all_anew() -> None:
    async def work() -> None:
        state = Shared()
        async with following(FakeStore(state), "a") as one:
            await until(lambda: one.ready)
            one.keep(entry("a"), answer())
            async with following(FakeStore(state), "b") as two:
                await until(lambda: two.find(id_of("a")))
                state.tables["cache"].clear()  # its rows are gone before it reads them
                state.logs[LOG] += [b""] * 5
                state.dropped = len(state.logs[LOG])
                await until(lambda: not two.directory.entries)
                await until(lambda: two.ready)

    run(work)


def test_a_log_that_is_always_behind_is_not_asked_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def missed(self: object, after: str, limit: int, wait: float = 0.0) -> list[tuple[str, bytes]]:
        asked.append(after)
        raise Missed("rows are gone")

    async def work() -> None:
        async with following(FakeStore(Shared()), "a") as one:
            await until(lambda: asked)
            for _ in range(200):
                await asyncio.sleep(0)
            assert len(asked) == 1
            assert not one.ready
            monkeypatch.undo()
            await until(lambda: one.ready)

    monkeypatch.setattr(FakeLog, "read", missed)
    run(work)


def test_a_store_of_its_own_is_read_at_start_and_not_followed() -> None:
    async def work() -> None:
        state = Shared()
        async with following(FakeStore(state, shared=False), "a") as one:
            await until(lambda: one.ready)
            one.keep(entry("a"), answer())
            assert not state.logs
        async with following(FakeStore(state, shared=False), "b") as two:
            await until(lambda: two.ready)
            assert two.find(id_of("a")) is not None
            state.lose()
            await until(lambda: not two.directory.entries)
            await until(lambda: two.ready)

    run(work)


def test_what_is_too_old_goes_without_being_asked_for() -> None:
    async def work() -> None:
        state = Shared()
        clock = FakeClock(wall=WALL)
        config = CacheConfig()
        one = Shelf(FakeStore(state), BoundedAccount("cache", config.memory), config, "a", clock.wall)
        service = Following(one, lambda: None, lambda: None, clock.now)
        task = asyncio.ensure_future(service.run())
        try:
            await until(lambda: one.ready)
            one.keep(entry("a"), answer())
            clock.advance(3601)
            await until(lambda: not one.directory.entries)
            assert not state.tables["cache_answers"]
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    run(work)


def test_another_secret_after_a_reload_counts_and_is_told_to_nobody() -> None:
    async def work(shared: bool) -> None:
        state = Shared()
        config = CacheConfig()
        one = Shelf(FakeStore(state, shared=shared), BoundedAccount("cache", config.memory), config, "a", lambda: WALL)
        secret: list[str | None] = [None]
        service = Following(one, lambda: secret[0], lambda: None, asyncio.get_running_loop().time)
        task = asyncio.ensure_future(service.run())
        try:
            await until(lambda: one.ready)
            made = one.secret
            one.keep(entry("a"), answer())
            secret[0] = "a configured secret"
            await until(lambda: one.secret == b"a configured secret" and one.ready)
            assert not one.directory.entries
            assert state.tables["cache"]  # of those who still have the old one
            secret[0] = None
            await until(lambda: one.secret == made and one.ready)
            assert one.find(id_of("a")) is not None
            assert set(state.names.values()) <= {made, b"1"}
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    for shared in (True, False):
        asyncio.run(work(shared))


def test_what_was_flushed_before_it_arrived_goes_at_those_too_that_did_not_hear_of_the_flush() -> None:
    async def work() -> None:
        state = Shared()
        async with following(FakeStore(state), "a", "one secret for all") as one:
            await until(lambda: one.ready)
            one.flush({"tag": "t"})
            async with following(FakeStore(state), "b", "one secret for all") as two:
                await until(lambda: two.ready)
                late = shelf(FakeStore(state), me="late")  # its store was away: it did not hear, and was not heard
                late.open(b"one secret for all", None)
                assert late.keep(entry("old", tags=("t",)), answer())
                assert late.keep(entry("new", tags=("t",), asked=WALL + 1), answer())
                await until(lambda: two.find(id_of("new")) and two.find(id_of("old")) is None)
                assert one.find(id_of("old")) is None
                assert list(state.tables[ENTRIES]) == list(state.tables[ANSWERS]) == [id_of("new")]

    run(work)


def test_what_was_flushed_while_the_store_was_away_for_a_moment_is_told_again() -> None:
    async def work() -> None:
        state = Shared()
        async with following(FakeStore(state), "a") as one, following(FakeStore(state), "b") as two:
            await until(lambda: one.ready and two.ready)
            one.keep(entry("a"), answer())
            one.keep(entry("b"), answer())
            await until(lambda: two.find(id_of("b")))
            state.away = True
            await flush(one, {"id": id_of("a").hex()})
            assert one.untold
            state.away = False  # so soon that nobody has noticed, but the row and the removal are lost
            await until(lambda: two.find(id_of("a")) is None)
            await until(lambda: not one.untold)
            assert list(state.tables[ENTRIES]) == list(state.tables[ANSWERS]) == [id_of("b")]
            assert two.find(id_of("b"))

    run(work)
