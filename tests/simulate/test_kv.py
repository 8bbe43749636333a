from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from penstock.simulate.kv import Kv


def test_blocks_are_kept_after_their_call_and_found_again() -> None:
    kv = Kv(1000, 100)
    assert kv.take([1, 2], 0, 250)
    new = kv.share([1, 2])
    assert (new, kv.held, kv.depth([1, 2, 3])) == ([1, 2], 250, 2)
    kv.give([1, 2], 50)
    assert (kv.held, kv.kept, kv.depth([1, 2])) == (0, 200, 2)


def test_what_two_share_counts_once() -> None:
    kv = Kv(1000, 100)
    kv.take([1], 0, 150)
    kv.share([1])
    assert kv.take([1, 2], kv.depth([1, 2]), 120)
    assert kv.held == 270
    kv.give([1], 50)
    assert kv.held == 220  # the other still holds the block


def test_what_is_kept_gives_way_oldest_first_and_beginnings_last() -> None:
    kv = Kv(400, 100)
    for blocks in ([1, 2], [3, 4]):
        kv.take(blocks, 0, 200)
        kv.share(blocks)
        kv.give(blocks, 0)
    assert kv.take([9], 0, 100)
    assert (kv.depth([1, 2]), kv.depth([3, 4])) == (1, 2)


def test_the_host_keeps_what_the_cache_cannot() -> None:
    kv = Kv(200, 100, host=200)
    kv.take([1, 2], 0, 200)
    kv.share([1, 2])
    kv.give([1, 2], 0)
    assert kv.take([7, 8], 0, 200)
    assert (kv.depth([1, 2]), kv.kept) == (2, 200)


def test_no_room_changes_nothing() -> None:
    kv = Kv(100, 50)
    kv.take([], 0, 80)
    assert not kv.take([], 0, 21)
    assert kv.held == 80


@given(st.lists(st.tuples(st.lists(st.integers(1, 6), max_size=4), st.integers(1, 300), st.booleans()), max_size=60))
def test_capacity_holds_and_nothing_is_lost(steps: Sequence[tuple[list[int], int, bool]]) -> None:
    kv = Kv(1000, 50, host=100)
    running: list[tuple[list[int], int]] = []
    for tail, output, ends in steps:
        blocks = [sum(10**place * block for place, block in enumerate(tail[: end + 1])) for end in range(len(tail))]
        depth = kv.depth(blocks)
        private = (len(blocks) - depth) * 50 + output
        if kv.take(blocks, depth, private):
            new = kv.share(blocks[depth:])
            running.append(([*blocks[:depth], *new], private - 50 * len(new)))
        if ends and running:
            kv.give(*running.pop(0))
        assert 0 <= kv.held <= 1000
        assert kv.held + kv.kept <= 1100
    for held in running:
        kv.give(*held)
    assert kv.held == 0
