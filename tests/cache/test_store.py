"""The shelf: what is kept is found again, by other workers too; what is damaged, lost or taken back is a miss."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.cache.entry import Answer, entry_bytes
from penstock.cache.store import ANSWERS, ENTRIES, LOG, Shelf
from penstock.core.clock import FakeClock
from tests.support.caching import WALL, answer, entry, id_of, shelf
from tests.support.shared_store import FakeStore, Shared


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


def follow(one: Shelf, state: Shared) -> None:
    """Take all rows of the log."""
    for row in state.logs.get(LOG, []):
        one.take(row)


def test_what_is_kept_is_found_and_held() -> None:
    one = shelf()
    kept = entry("a")
    assert one.keep(kept, answer())
    assert one.find(id_of("a")) is kept
    assert one.held(kept) == answer()
    assert one.find(id_of("b")) is None
    assert one.dump()["stores"] == {"kept": 1}


def test_nothing_is_found_or_kept_before_it_is_ready() -> None:
    one = shelf()
    one.ready = False
    assert not one.keep(entry("a"), answer())
    one.ready = True
    one.keep(entry("a"), answer())
    one.ready = False
    assert one.find(id_of("a")) is None


def test_another_worker_finds_it_and_reads_it_from_the_store() -> None:
    async def work() -> None:
        state = Shared()
        one, two = shelf(FakeStore(state), me="one"), shelf(FakeStore(state), me="two")
        one.keep(entry("a", tags=("t",)), answer())
        assert two.find(id_of("a")) is None
        follow(two, state)
        found = two.find(id_of("a"))
        assert found == entry("a", tags=("t",))
        assert two.held(found) is None
        assert await two.fetch(found) == answer()
        assert two.held(found) == answer()

    run(work)


def test_a_worker_takes_no_notice_of_its_own_rows() -> None:
    state = Shared()
    one = shelf(FakeStore(state), me="one")
    kept = entry("a")
    one.keep(kept, answer())
    follow(one, state)
    assert one.find(id_of("a")) is kept


def test_what_one_lets_go_is_gone_everywhere_and_in_the_store() -> None:
    state = Shared()
    one, two = shelf(FakeStore(state), me="one"), shelf(FakeStore(state), me="two")
    for name in "abc":
        one.keep(entry(name, tags=(name,)), answer())
    follow(two, state)
    assert two.drop([two.directory.entries[id_of("a")]], "full") == 1
    assert [found.id for found in two.flush({"tag": "b"})] == [id_of("b")]
    follow(one, state)
    assert set(one.directory.entries) == {id_of("c")}
    assert len(one.tier) == 1
    assert set(state.tables[ENTRIES]) == set(state.tables[ANSWERS]) == {id_of("c")}


def test_a_flush_reaches_what_another_worker_is_still_being_answered() -> None:
    state = Shared()
    clock = FakeClock(wall=WALL)
    one, two = shelf(FakeStore(state), clock, me="one"), shelf(FakeStore(state), clock, me="two")
    clock.advance(1)
    one.flush({"model": "m"})
    two.keep(entry("a", asked=WALL), answer())  # asked before; two has not read of it yet
    assert two.find(id_of("a")) is not None
    follow(one, state)
    follow(two, state)
    assert one.find(id_of("a")) is None
    assert two.find(id_of("a")) is None
    assert not state.tables[ENTRIES]
    assert not two.keep(entry("a", asked=WALL), answer())
    clock.advance(1)
    assert two.keep(entry("a", asked=WALL + 1.5), answer())


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:20],
        lambda data: b"",
        lambda data: data[:-3] + b"xyz",
        lambda data: bytes(len(data)),
    ],
)
@pytest.mark.parametrize("fields", [{}, {"encryption_key": "sixteen characters"}])
def test_damaged_answers_are_misses_and_go(damage: Callable[[bytes], bytes], fields: dict[str, Any]) -> None:
    async def work() -> None:
        state = Shared()
        one, two = shelf(FakeStore(state), me="one", **fields), shelf(FakeStore(state), me="two", **fields)
        one.keep(entry("a"), answer("hello there"))
        follow(two, state)
        value, expires = state.tables[ANSWERS][id_of("a")]
        assert (b"hello" in value) == (not fields)
        state.tables[ANSWERS][id_of("a")] = (damage(value), expires)
        assert await two.fetch(two.directory.entries[id_of("a")]) is None
        assert two.find(id_of("a")) is None
        assert two.directory.evicted["damaged"] == 1
        assert id_of("a") in state.tables[ENTRIES]  # it may be that only we cannot read it
        assert two.keep(entry("a"), answer("new"))
        assert two.find(id_of("a")) is not None

    run(work)


def test_an_answer_under_another_name_is_no_answer() -> None:
    async def work() -> None:
        state = Shared()
        one, two = shelf(FakeStore(state), me="one"), shelf(FakeStore(state), me="two")
        for name in "ab":
            one.keep(entry(name), answer(name))
        follow(two, state)
        table = state.tables[ANSWERS]
        table[id_of("a")] = table[id_of("b")]
        assert await two.fetch(two.directory.entries[id_of("a")]) is None

    run(work)


def test_frames_that_do_not_fit_their_marks_are_damage() -> None:
    async def work() -> None:
        state = Shared()
        one, two = shelf(FakeStore(state), me="one"), shelf(FakeStore(state), me="two")
        one.keep(entry("a"), Answer(b"text/event-stream", b"data: 1\n\n", b"\1\0\0\0\0\0\0\0"))
        follow(two, state)
        assert await two.fetch(two.directory.entries[id_of("a")]) is None
        assert two.directory.evicted["damaged"] == 1

    run(work)


def test_an_answer_that_the_store_lost_is_a_miss() -> None:
    async def work() -> None:
        state = Shared()
        one, two = shelf(FakeStore(state), me="one"), shelf(FakeStore(state), me="two")
        one.keep(entry("a"), answer())
        follow(two, state)
        state.tables.clear()
        assert await two.fetch(two.directory.entries[id_of("a")]) is None
        assert two.directory.evicted["lost"] == 1

    run(work)


def test_a_slow_store_costs_a_call_a_bounded_wait_and_the_entry_stays() -> None:
    async def work() -> None:
        state = Shared()
        one, two = shelf(FakeStore(state), me="one"), shelf(FakeStore(state), me="two")
        one.keep(entry("a"), answer())
        follow(two, state)
        state.slow = 60.0
        async with asyncio.timeout(20):
            assert await two.fetch(two.directory.entries[id_of("a")]) is None
        assert two.find(id_of("a")) is not None

    run(work)


def test_an_entry_that_went_while_its_answer_was_read_is_not_told() -> None:
    async def work() -> None:
        state = Shared()
        one, two = shelf(FakeStore(state), me="one"), shelf(FakeStore(state), me="two")
        one.keep(entry("a"), answer())
        follow(two, state)
        state.slow = 0.05
        reading = asyncio.ensure_future(two.fetch(two.directory.entries[id_of("a")]))
        await asyncio.sleep(0)
        two.flush({"model": "m"})
        assert await reading is None
        assert len(two.tier) == 0

    run(work)


def test_a_full_store_keeps_nothing_and_says_so() -> None:
    state = Shared()
    state.full = True
    one = shelf(FakeStore(state), me="one")
    assert not one.keep(entry("a"), answer())
    assert one.find(id_of("a")) is None
    assert one.dump()["stores"] == {"lost": 1}


def test_without_a_store_what_memory_does_not_hold_is_gone() -> None:
    one = shelf(memory=1024 * 1024, max_answer=1024 * 1024)
    text = "x" * 200_000
    for number in range(20):
        one.keep(entry(str(number), size=200_000), answer(text))
    assert len(one.directory) == len(one.tier) <= 5
    assert one.account.held == one.tier.held  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"x" * 40, "not signed"),
        (entry_bytes(entry("a")), "in clear"),
    ],
)
def test_forged_entries_and_rows_are_not_taken(data: bytes, why: str) -> None:
    one = shelf(FakeStore(Shared()))
    one.take(data)
    one.take_stored(id_of("a"), data)
    assert len(one.directory) == 0, why
    assert one.directory.evicted["damaged"] == 1


def test_a_stored_entry_is_taken_under_its_own_name_only() -> None:
    state = Shared()
    one, two = shelf(FakeStore(state), me="one"), shelf(FakeStore(state), me="two")
    one.keep(entry("a"), answer())
    data = state.tables[ENTRIES][id_of("a")][0]
    two.take_stored(id_of("b"), data)
    assert len(two.directory) == 0
    two.take_stored(id_of("a"), data)
    assert two.find(id_of("a")) is not None


def test_the_newer_of_two_answers_stays() -> None:
    one = shelf(FakeStore(Shared()))
    one.take_entry(entry("a", created=WALL + 1, named="new"))
    one.take_entry(entry("a", created=WALL, named="old"))
    assert one.directory.entries[id_of("a")].named == "new"


def test_reading_is_told_to_others_and_written_down() -> None:
    state = Shared()
    one, two, three = (shelf(FakeStore(state), me=name) for name in ("one", "two", "three"))
    one.keep(entry("a"), answer())
    follow(two, state)
    for _ in range(3):
        two.used(two.directory.entries[id_of("a")])
    one.used(one.directory.entries[id_of("a")])
    two.tell_uses(10)
    two.tell_uses(10)
    follow(one, state)
    assert one.directory.entries[id_of("a")].accesses == 4
    three.take_stored(id_of("a"), state.tables[ENTRIES][id_of("a")][0])
    assert three.directory.entries[id_of("a")].accesses == 3


def test_who_watches_hears_of_all_that_comes_and_goes() -> None:
    state = Shared()
    one, two = shelf(FakeStore(state), me="one"), shelf(FakeStore(state), me="two")
    heard: list[tuple[bool, bytes]] = []
    for each in (one, two):
        each.watchers.append(lambda found, id: heard.append((found is not None, id)))
    one.keep(entry("a"), answer())
    follow(two, state)
    assert heard == [(True, id_of("a"))] * 2
    one.flush({"model": "m"})
    follow(two, state)
    assert heard[2:] == [(False, id_of("a"))] * 2
    one.clear()
    assert heard[4:] == [(False, b"")]


def test_an_answer_in_its_other_form_is_made_once_and_goes_with_it() -> None:
    one = shelf()
    kept = entry("a")
    one.keep(kept, answer())
    streamed = one.form(kept, answer(), streamed=True)
    assert streamed.streamed
    assert one.form(kept, answer(), streamed=True) is streamed
    assert one.form(kept, streamed, streamed=True) is streamed
    assert len(one.tier) == 2
    one.flush({"model": "m"})
    assert len(one.tier) == one.account.held == 0  # type: ignore[attr-defined]
