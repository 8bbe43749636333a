"""Who is found, who goes, and why; what a flush reaches, and what it reaches that is still under way."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.config import InvalidationConfig
from penstock.cache.directory import FLUSHABLE, Directory, fits
from penstock.cache.entry import ENTRY_BYTES, TAG_BYTES, Entry
from tests.support.caching import WALL, entry, id_of

DAY = 86400.0


def directory(entries: int = 100, total: int = 10**9) -> tuple[Directory, list[tuple[str, str]]]:
    gone: list[tuple[str, str]] = []
    return Directory(entries, total, lambda one, reason: gone.append((one.name, reason))), gone


def test_what_is_put_is_found_until_it_expires() -> None:
    one, gone = directory()
    assert one.put(entry("a"))
    assert one.find(id_of("a"), WALL + 3599) is not None
    assert one.find(id_of("b"), WALL) is None
    assert one.find(id_of("a"), WALL + 3600) is None
    assert gone == [(id_of("a").hex(), "expired")]
    assert one.evicted == {"expired": 1}
    assert len(one) == one.held == 0


def test_what_comes_from_later_is_not_told() -> None:
    one, gone = directory()
    one.put(entry("a", created=WALL + 400, expires=WALL + 4000))
    assert one.find(id_of("a"), WALL + 100) is not None
    assert one.find(id_of("a"), WALL) is None
    assert gone == [(id_of("a").hex(), "expired")]


def test_reading_does_not_prolong() -> None:
    one, _ = directory()
    made = entry("a")
    one.put(made)
    for second in range(0, 3600, 100):
        found = one.find(made.id, WALL + second)
        assert found is made
        one.used(found, WALL + second)
    assert made.accesses == 36
    assert made.accessed == WALL + 3500
    assert one.find(made.id, WALL + 3600) is None


def test_the_rules_for_old_entries_count_when_it_is_asked_for() -> None:
    one, gone = directory()
    one.rules = InvalidationConfig(unread=2 * DAY)
    one.put(entry("a", expires=WALL + 300 * DAY, confidence=0.5))
    assert one.find(id_of("a"), WALL + 2 * DAY) is not None
    assert one.find(id_of("a"), WALL + 3 * DAY) is None
    assert gone[0][1] == "unread"


def test_a_sweep_looks_at_those_it_is_given() -> None:
    one, gone = directory()
    for name in "ab":
        one.put(entry(name))
    assert one.sweep(WALL + 3601, [id_of("a"), id_of("c")]) == 1
    assert [name for name, _ in gone] == [id_of("a").hex()]
    assert len(one) == 1


def test_a_new_answer_takes_the_place_of_the_old_one() -> None:
    one, gone = directory()
    one.put(entry("a", size=10))
    new = entry("a", size=50)
    one.put(new)
    assert one.find(id_of("a"), WALL) is new
    assert one.held == 50 + ENTRY_BYTES
    assert gone == []  # the store has the new one under the same name
    assert one.evicted == {"replaced": 1}


def test_bounded_in_entries_and_in_bytes() -> None:
    one, gone = directory(entries=5)
    for number in range(20):
        one.put(entry(str(number)))
    assert len(one) == 5
    assert len(gone) == 15
    assert {reason for _, reason in gone} == {"full"}
    two, _ = directory(total=10 * (ENTRY_BYTES + 100))
    for number in range(50):
        two.put(entry(str(number)))
    assert len(two) <= 10
    assert two.held <= 10 * (ENTRY_BYTES + 100)


def test_what_is_larger_than_all_is_not_put() -> None:
    one, gone = directory(total=5000)
    assert not one.put(entry("a", size=10_000))
    assert gone == [(id_of("a").hex(), "full")]


@pytest.mark.parametrize(
    ("what", "goes"),
    [
        ({}, "abcd"),
        ({"model": "m"}, "abc"),
        ({"tag": "x"}, "bc"),
        ({"tag": "x", "model": "m"}, "bc"),
        ({"tag": "y"}, "c"),
        ({"scope": (b"s" * 8).hex()}, "abcd"),
        ({"scope": "00"}, ""),
        ({"id": id_of("d").hex()}, "d"),
        ({"classification": "internal"}, "a"),
        ({"upstream": "u"}, "abcd"),
    ],
)
def test_a_flush_reaches_what_fits_and_what_of_it_is_under_way(what: dict[str, str], goes: str) -> None:
    one, gone = directory()
    made: dict[str, Callable[[float], Entry]] = {
        "a": lambda at: entry("a", asked=at, classification="internal"),
        "b": lambda at: entry("b", asked=at, tags=("x",)),
        "c": lambda at: entry("c", asked=at, tags=("x", "y")),
        "d": lambda at: entry("d", asked=at, model="n"),
    }
    for make in made.values():
        one.put(make(WALL - 1))
    assert sorted(found.id for found in one.flush(what, WALL)) == sorted(map(id_of, goes))
    assert gone == []  # whoever flushes tells the store once
    for name, make in made.items():
        assert one.put(make(WALL)) == (name not in goes)  # asked before the flush, answered after it
        assert one.put(make(WALL + 0.1))  # asked after it


def test_flushes_are_remembered_up_to_a_bound() -> None:
    one, _ = directory()
    for number in range(1500):
        one.flush({"tag": str(number)}, WALL)
    assert not one.is_flushed(entry(tags=("10",)))
    assert one.is_flushed(entry(tags=("1400",)))


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(FLUSHABLE), st.sampled_from(["m", "u", "t", "x", "", "aa"]), max_size=3),
            st.integers(-3, 3),
        )
    ),
    st.sets(st.sampled_from(["t", "x"])),
    st.integers(-3, 3),
)
def test_a_flush_reaches_what_fits_it_and_was_asked_before(
    flushes: list[tuple[dict[str, str], int]], tags: set[str], asked: int
) -> None:
    one, _ = directory()
    made = entry(tags=tuple(sorted(tags)), asked=WALL + asked, scope=b"\xaa", classification="x")
    for what, moment in flushes:
        one.flush(what, WALL + moment)
    reached = any(fits(made, what) and asked <= moment for what, moment in flushes)
    assert one.is_flushed(made) == reached


def test_another_model_behind_the_name_ends_what_the_old_one_said() -> None:
    one, gone = directory()
    one.put(entry("a", named="m-1"))
    one.put(entry("other", named="m-1", upstream="v"))
    one.put(entry("b", named="m-2", asked=WALL + 1))
    assert one.find(id_of("a"), WALL + 1) is None
    assert gone == [(id_of("a").hex(), "model_changed")]
    assert one.find(id_of("b"), WALL + 1) is not None
    assert one.find(id_of("other"), WALL + 1) is not None  # another upstream, whose model is as it was


def test_names_under_one_pattern_are_models_of_their_own() -> None:
    one, gone = directory()
    one.put(entry("a", model="x*", called="x1", named="x1"))
    one.put(entry("b", model="x*", called="x2", named="x2", asked=WALL + 1))
    assert one.find(id_of("a"), WALL + 1) is not None
    assert one.find(id_of("b"), WALL + 1) is not None
    one.put(entry("c", model="x*", called="x1", named="x1-new", asked=WALL + 2))
    assert one.find(id_of("a"), WALL + 2) is None
    assert one.find(id_of("b"), WALL + 2) is not None
    assert gone == [(id_of("a").hex(), "model_changed")]


def test_entries_with_many_tags_are_few() -> None:
    one, gone = directory(entries=100)
    tags = tuple(f"{number:064}" for number in range(16))
    for number in range(100):
        one.put(entry(f"tagged {number}", tags=tags))
    fit = 100 * ENTRY_BYTES // (ENTRY_BYTES + 16 * (64 + TAG_BYTES))
    assert len(one) in (fit, fit + 1)
    assert len(gone) == 100 - len(one)
    assert 99 * ENTRY_BYTES < one.entry_bytes < 101 * ENTRY_BYTES
    for each in list(one):
        one.drop(each, "expired")
    for number in range(100):
        one.put(entry(f"plain {number}"))
    assert len(one) == 100


def test_an_answer_that_comes_late_changes_no_name() -> None:
    one, _ = directory()
    one.put(entry("b", named="m-2", asked=WALL + 1))
    one.put(entry("a", named="m-1", asked=WALL))
    assert one.find(id_of("b"), WALL + 1) is not None
    assert one.find(id_of("a"), WALL + 1) is None


def test_an_answer_that_names_no_model_proves_nothing() -> None:
    one, _ = directory()
    one.put(entry("a", named="m-1"))
    one.put(entry("b", named="", asked=WALL + 1))
    assert one.find(id_of("a"), WALL) is not None
    assert one.find(id_of("b"), WALL) is not None


def test_what_another_worker_let_go_is_not_told_again() -> None:
    one, gone = directory()
    one.put(entry("a"))
    assert one.forget(id_of("a")) is not None
    assert one.forget(id_of("a")) is None
    assert not one.evicted
    assert gone == []


def test_all_forgotten() -> None:
    one, gone = directory()
    one.put(entry("a"))
    one.clear()
    assert (len(one), one.held, gone) == (0, 0, [])


def test_fits_looks_at_each_part() -> None:
    question: dict[str, Any] = {"model": "m", "tag": "x"}
    assert fits(entry(tags=("x",)), question)
    assert not fits(entry(model="n", tags=("x",)), question)


def test_what_is_over_is_told_to_those_alone_who_may_be_told_older_ones() -> None:
    one, gone = directory()
    one.oldest = 7200.0
    one.put(entry("a", expires=WALL + 3600))
    assert one.find(id_of("a"), WALL + 3599) is not None
    assert one.find(id_of("a"), WALL + 3600) is None
    assert one.find(id_of("a"), WALL + 3600, 3599.0) is None
    assert one.find(id_of("a"), WALL + 3600, 3600.0) is not None
    one.sweep(WALL + 7199, [id_of("a")])
    assert one.find(id_of("a"), WALL + 7199, 7200.0) is not None
    assert gone == []
    assert one.find(id_of("a"), WALL + 7200, 9999.0) is None
    assert [reason for _, reason in gone] == ["expired"]


def test_of_a_class_nothing_is_kept_beyond_its_time() -> None:
    one, gone = directory()
    one.oldest = 7200.0
    one.put(entry("a", classification="internal"))
    assert one.find(id_of("a"), WALL + 3600, 7200.0) is None
    assert len(gone) == 1


def test_an_old_answer_of_another_model_goes_all_the_same() -> None:
    one, gone = directory()
    one.oldest = 7200.0
    one.put(entry("a"))
    one.put(entry("b", named="m-2", asked=WALL + 1))
    assert one.find(id_of("a"), WALL + 3600, 7200.0) is None
    assert [reason for _, reason in gone] == ["model_changed"]
