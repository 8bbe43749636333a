"""The questions that are held, by partition."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.index.index import Index
from penstock.cache.semantic.record import Kept
from penstock.cache.semantic.space import PARTITION_BYTES, QUESTION_BYTES, Space
from penstock.memory.ledger import BoundedAccount

SIZE = 8


def id_of(name: object) -> bytes:
    return hashlib.sha256(repr(name).encode()).digest()[:16]


def vector(*values: int) -> np.ndarray[Any, Any]:
    made = np.zeros(SIZE, np.float32)
    made[: len(values)] = values
    return made / np.linalg.norm(made)


def kept(partition: bytes = b"p", text: str = "t", values: tuple[int, ...] = (127,), version: str = "v") -> Kept:
    packed = np.zeros(SIZE, np.int8)
    packed[: len(values)] = values
    return Kept(version, partition, text, packed.tobytes())


class Rig:
    def __init__(self, entries: int = 100, partitions: int = 10, size: int = 10**7) -> None:
        self.account = BoundedAccount("semantic", size)
        self.gone: list[bytes] = []
        self.space = Space(
            self.account, Index, lambda id, partition: self.gone.append(id), entries=entries, partitions=partitions
        )

    def add(self, name: object, **given: Any) -> bool:
        made = kept(**given)
        self.space.learn(id_of(name), made.partition)
        return self.space.add(id_of(name), made) is not None

    def near(self, partition: bytes, *values: int) -> list[bytes]:
        return [held.id for held, _ in self.space.search(partition, vector(*values), 8)]


def test_only_one_partition_is_searched() -> None:
    rig = Rig()
    rig.add("a", partition=b"p")
    rig.add("b", partition=b"q")
    assert rig.near(b"p", 1) == [id_of("a")]
    assert rig.near(b"nowhere", 1) == []


def test_nearest_come_first_with_their_cosines() -> None:
    rig = Rig()
    rig.add("a", values=(0, 100))
    rig.add("b", values=(100, 0))
    found = rig.space.search(b"p", vector(10, 1), 8)
    assert [held.id for held, _ in found] == [id_of("b"), id_of("a")]
    assert found[0][1] == pytest.approx(10 / 101**0.5, abs=1e-3)


def test_an_entry_that_goes_leaves_and_is_told_of_once_it_was_placed() -> None:
    rig = Rig()
    rig.add("a")
    rig.add("b")
    held = rig.space.get(id_of("a"))
    assert held is not None
    held.placed = True
    rig.space.unlearn(id_of("a"))
    rig.space.unlearn(id_of("b"))
    assert rig.gone == [id_of("a")]
    assert (rig.account.held, rig.space.count, rig.space.held_bytes) == (0, 0, 0)


def test_vectors_of_another_dimension_or_embedder_are_refused() -> None:
    rig = Rig()
    assert rig.add("a")
    assert not rig.add("b", version="v2")
    other = Kept("v", b"p", "t", b"\x01" * (SIZE + 1))
    assert rig.space.add(id_of("c"), other) is None
    assert rig.space.add(id_of("d"), Kept("v", b"new", "t", b"\x00" * SIZE)) is None  # no direction at all
    assert rig.account.held == rig.space.held_bytes


def test_the_partition_used_longest_ago_makes_room() -> None:
    rig = Rig(partitions=2)
    rig.add("a", partition=b"p")
    rig.add("b", partition=b"q")
    rig.near(b"p", 1)
    rig.add("c", partition=b"r")
    assert rig.near(b"q", 1) == []
    assert rig.space.unread(b"q") == [id_of("b")]
    assert rig.near(b"p", 1) == [id_of("a")]
    assert rig.space.evicted == 1


def test_entries_and_bytes_are_bounded() -> None:
    rig = Rig(entries=2)
    assert rig.add("a", partition=b"p")
    assert rig.add("b", partition=b"p")
    assert not rig.add("c", partition=b"p")  # its own partition does not go for it
    assert rig.add("d", partition=b"q")
    assert len(rig.space) == 1
    small = Rig(size=QUESTION_BYTES + PARTITION_BYTES + 100)
    assert small.add("a", partition=b"p")
    assert small.add("b", partition=b"q")
    assert len(small.space) == 1


def test_a_partition_is_unread_until_it_is_held() -> None:
    rig = Rig()
    rig.space.learn(id_of("a"), b"p")
    assert rig.space.unread(b"p") == [id_of("a")]
    rig.add("a")
    assert rig.space.unread(b"p") == []
    rig.space.let_go(b"p")
    assert rig.space.unread(b"p") == [id_of("a")]
    rig.space.unlearn(id_of("a"))
    assert rig.space.unread(b"p") == []


def test_partitions_that_are_held_in_part_can_be_let_go() -> None:
    rig = Rig()
    rig.add("a", partition=b"p")
    rig.space.learn(id_of("b"), b"p")
    rig.add("c", partition=b"q")
    rig.space.let_go_partial()
    assert (rig.space.count, len(rig.space.unread(b"p"))) == (1, 2)


def test_a_large_partition_goes_bit_by_bit_and_what_comes_again_stays() -> None:
    rig = Rig(entries=1000)
    for number in range(200):
        rig.add(number)
        held = rig.space.get(id_of(number))
        assert held is not None
        held.placed = True
    rig.space.let_go(b"p")
    assert (len(rig.space), rig.space.held_bytes, rig.account.held) == (0, 0, 0)
    assert rig.space.is_unread(b"p")
    assert rig.near(b"p", 1) == []
    assert len(rig.gone) < 200
    rig.add(0)
    again = rig.space.get(id_of(0))
    assert again is not None
    again.placed = True
    while rig.space.leaving.shed():
        pass
    assert set(rig.gone) == {id_of(number) for number in range(1, 200)}
    assert rig.near(b"p", 1) == [id_of(0)]


def test_fewer_from_now_on() -> None:
    rig = Rig()
    for number in range(6):
        rig.add(number, partition=b"%d" % number)
    rig.space.resize(3, 3)
    assert len(rig.space) == 3
    rig.space.clear()
    assert (len(rig.space), rig.account.held, rig.space.unread(b"1")) == (0, 0, [])


def test_questions_that_the_verifier_does_not_know_are_given_once() -> None:
    rig = Rig()
    for number in range(4):
        rig.add(number)
    rig.space.unlearn(id_of(1))
    placed = rig.space.get(id_of(2))
    assert placed is not None
    placed.placed = True
    found = [rig.space.unplaced() for _ in range(3)]
    assert [held and held.id for held in found] == [id_of(0), id_of(3), None]


def test_many_are_held_at_once_and_as_one_by_one() -> None:
    one, many = Rig(), Rig()
    those = [(id_of(number), kept(b"%d" % (number % 3), values=(number, 9 - number))) for number in range(9)]
    those.append((id_of("none"), kept(b"1", values=(0,))))  # no direction at all
    for id, what in those:
        one.space.learn(id, what.partition)
        many.space.learn(id, what.partition)
        one.space.add(id, what)
    assert many.space.extend(those) == 9
    assert many.space.held_bytes == one.space.held_bytes == many.account.held
    for place in (b"0", b"1", b"2"):
        assert many.near(place, 3, 1) == one.near(place, 3, 1)


def test_of_many_only_as_many_as_there_is_room_for() -> None:
    rig = Rig(entries=5)
    those = [(id_of(number), kept(b"p", values=(number + 1,))) for number in range(9)]
    assert rig.space.extend(those) == 5
    assert len(rig.near(b"p", 1)) == 5
    small = Rig(partitions=1)
    assert small.space.extend([(id_of("a"), kept(b"p")), (id_of("b"), kept(b"q"))]) == 2
    assert small.space.count == 1


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from("aruls"), st.integers(0, 12), st.integers(0, 3), st.integers(-127, 127)), max_size=60
    )
)
def test_it_holds_what_it_says_within_its_bounds(steps: list[tuple[str, int, int, int]]) -> None:
    rig = Rig(entries=6, partitions=3, size=6 * (QUESTION_BYTES + 30) + 3 * PARTITION_BYTES)
    for what, name, place, value in steps:
        partition = b"%d" % place
        if what == "a":
            rig.add(name, partition=partition, values=(value, 5))
        elif what == "u":
            rig.space.unlearn(id_of(name))
        elif what == "l":
            rig.space.let_go(partition)
        elif what == "s":
            rig.near(partition, 1)
        else:
            rig.space.learn(id_of(name), partition)
        held = [one for _, part in rig.space.used_last() for one in part.held.values()]
        assert len(held) == len(rig.space) <= 6
        assert rig.space.count <= 3
        assert rig.account.held == rig.space.held_bytes
        assert all(rig.space.partition_of(one.id) == one.partition for one in held)
        assert all(len(part.index) == len(part.held) for _, part in rig.space.used_last())  # type: ignore[arg-type]
