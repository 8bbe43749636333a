"""Entries and their groups."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.verify.groups import CONFIRMATIONS, Groups
from penstock.cache.verify.lexical import prepare

CARD = prepare("where is my card")
LOST = prepare("my card is lost")


def test_an_entry_founds_a_group_or_joins_one() -> None:
    groups = Groups(10)
    first = groups.place("a", CARD, 0)
    second = groups.place("b", LOST, 0, "a")
    assert first.group is second.group
    assert first.group.id == "a"
    assert first.group.size == 2
    assert first.group.covers(("card", "lost")) == 1
    assert groups.place("c", LOST, 0).group.covers(("wher",)) == 0


def test_a_group_stays_while_one_entry_does_and_forgets_its_words() -> None:
    groups = Groups(10)
    groups.place("a", CARD, 0)
    group = groups.place("b", LOST, 0, "a").group
    groups.forget("a")
    assert group.words == {"card": 1, "lost": 1}
    assert groups.place("c", CARD, 0, "a").group is group
    groups.forget("b")
    groups.forget("c")
    groups.forget("c")
    assert list(groups) == []


def test_a_group_is_not_joined_from_another_partition() -> None:
    groups = Groups(10)
    mine = groups.place("a", CARD, "mine").group
    theirs = groups.place("b", CARD, "theirs", "a").group
    assert theirs is not mine
    assert groups.link(mine, theirs, True) is mine
    assert mine.links == {}


def test_when_full_the_oldest_goes() -> None:
    groups = Groups(2)
    for key in "abc":
        groups.place(key, CARD, 0)
    assert groups.get("a") is None
    assert (len(groups), groups.full) == (2, 1)


def test_groups_become_one_after_enough_confirmations() -> None:
    groups = Groups(10)
    a, b = groups.place("a", CARD, 0).group, groups.place("b", LOST, 0).group
    a.right, b.right = 2, 3
    for _ in range(CONFIRMATIONS - 1):
        assert groups.link(a, b, True) is a
        assert groups.get("b").group is b  # type: ignore[union-attr]
    one = groups.link(b, a, True)
    assert one.keys == {"a", "b"}
    assert one.right == 5
    assert len(list(groups)) == 1


def test_a_contradiction_outweighs_two_confirmations() -> None:
    groups = Groups(10)
    a, b = groups.place("a", CARD, 0).group, groups.place("b", LOST, 0).group
    for same in (True, True, False, True, True, False):
        groups.link(a, b, same)
    assert groups.get("b").group is b  # type: ignore[union-attr]


def test_a_veto_is_lifted_by_evidence_without_exception() -> None:
    group = Groups(10).place("a", CARD, 0).group
    for _ in range(3):
        assert not group.lifts("numbers", 3)
        group.note(("numbers",), True)
    assert group.lifts("numbers", 3)
    assert not group.lifts("units", 3)
    group.note(("numbers",), False)
    assert not group.lifts("numbers", 3)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 6)), max_size=60))
def test_whatever_happens_entries_and_groups_agree(steps: list[tuple[int, bool, int]]) -> None:
    groups = Groups(5)
    for key, comes, other in steps:
        if comes:
            groups.place(key, CARD, 0, other)
        else:
            groups.forget(key)
        a, b = groups.get(key), groups.get(other)
        if a is not None and b is not None:
            groups.link(a.group, b.group, comes)
    held = [key for group in groups for key in group.keys]
    assert len(held) == len(set(held)) == len(groups) <= 5
    for group in groups:
        assert all(groups.get(key).group is group for key in group.keys)  # type: ignore[union-attr]
