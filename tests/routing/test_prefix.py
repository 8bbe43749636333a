import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from penstock.routing import prefix
from penstock.routing.ask import Ask
from penstock.routing.prefix import LEAST_BLOCKS, PrefixIndex
from tests.support.targets import ask


def prompt(*blocks: int) -> Ask:
    """A call whose prompt is these blocks of one unit each."""
    made = ask()
    made.blocks, made.bounds, made.size = blocks, range(1, len(blocks) + 1), max(1, len(blocks))
    return made


def hits(index: PrefixIndex, *blocks: int) -> dict[int, float]:
    made = prompt(*blocks)
    index.match(made)
    return made.hits


def test_one_search_finds_the_depth_at_every_target() -> None:
    index = PrefixIndex(1000)
    a, b, c = index.join(), index.join(), index.join()
    index.remember(a, [1, 2, 3, 4], 0.0)
    index.remember(b, [1, 2], 0.0)
    index.remember(c, [9], 0.0)
    assert hits(index, 1, 2, 3, 4) == {a: 1.0, b: 0.5}
    assert hits(index, 1, 2, 3, 5) == {a: 0.75, b: 0.5}
    assert hits(index, 9, 2) == {c: 0.5}
    assert hits(index, 7) == hits(index) == {}


def test_what_a_match_found_replaces_what_an_earlier_one_did() -> None:
    index = PrefixIndex(1000)
    a = index.join()
    made = prompt(1)
    made.hits = {a: 1.0}
    index.match(made)
    assert made.hits == {}


def test_a_slot_is_used_again_and_knows_nothing_of_its_last_target() -> None:
    index = PrefixIndex(1000)
    a, b = index.join(), index.join()
    index.remember(a, [1], 0.0)
    index.remember(b, [1], 0.0)
    index.part(a)
    assert (hits(index, 1), len(index)) == ({b: 1.0}, 1)
    assert index.join() == a
    assert hits(index, 1) == {b: 1.0}
    index.part(b)
    assert len(index) == 0
    assert index.remember(b, [1], 0.0) is None  # its last calls still end
    index.correct(b, 1.0)
    index.limit(b, 1)
    assert (len(index), index.held(b)) == (0, 0)


def test_of_a_prompt_beyond_the_bound_the_beginning_stays() -> None:
    index = PrefixIndex(0)
    a = index.join()
    index.remember(a, range(LEAST_BLOCKS + 10), 0.0)
    assert hits(index, *range(LEAST_BLOCKS + 10)) == {a: pytest.approx(LEAST_BLOCKS / (LEAST_BLOCKS + 10))}


def test_the_bound_holds_when_targets_come_and_when_it_is_lowered() -> None:
    index = PrefixIndex(1000)
    a = index.join()
    index.remember(a, range(1000), 0.0)
    assert (index.held(a), len(index)) == (1000, 1000)
    b = index.join()
    assert (index.held(a), index.share(b)) == (500, 500)
    index.bound = 200
    assert (index.held(a), len(index)) == (100, 100)
    index.part(b)
    assert index.share(a) == 200


def test_of_a_target_no_more_is_remembered_than_its_cache_has_room_for() -> None:
    index = PrefixIndex(1000)
    a, b = index.join(), index.join()
    index.limit(a, 80)
    for slot in (a, b):
        index.remember(slot, range(300), 0.0)
    assert (index.held(a), index.held(b)) == (80, 300)
    index.limit(a, 1)
    assert index.held(a) == LEAST_BLOCKS
    index.limit(a, 10**9)
    assert index.share(a) == 500
    index.part(a)
    assert index.share(index.join()) == 500


def test_it_tells_when_the_deepest_block_known_was_last_used() -> None:
    index = PrefixIndex(1000)
    a = index.join()
    assert index.remember(a, [1, 2, 3], 1.0) is None
    assert index.remember(a, [1, 8], 2.0) == 1.0
    assert index.remember(a, [1, 2, 3, 4], 3.0) == 1.0
    assert index.remember(a, [1, 8, 9], 4.0) == 2.0


def test_a_correction_takes_what_is_as_old_as_what_was_lost_and_nothing_younger() -> None:
    index = PrefixIndex(1000)
    a, b = index.join(), index.join()
    for moment, blocks in enumerate([[1, 2], [3, 4], [5, 6]]):
        index.remember(a, blocks, float(moment))
        index.remember(b, blocks, float(moment))
    used = index.remember(a, [3, 4, 7], 9.0)
    assert used == 1.0
    index.correct(a, used)
    assert [hits(index, *blocks) for blocks in ([1, 2], [3, 4, 7], [5, 6])] == [
        {b: 1.0}, {a: 1.0, b: pytest.approx(2 / 3)}, {a: 1.0, b: 1.0},
    ]  # fmt: skip


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), max_size=60))
def test_no_correction_forgets_what_an_engine_with_less_room_still_has(room: int, calls: list[tuple[int, int]]) -> None:
    index, engine = PrefixIndex(10_000), list[int]()
    a = index.join()
    for moment, (talk, length) in enumerate(calls):
        blocks = [talk * 100 + block for block in range(length)]
        expected = hits(index, *blocks).get(a, 0.0) * length
        cached = next((depth for depth, block in enumerate(blocks) if block not in engine), length)
        used = index.remember(a, blocks, float(moment))
        engine = [*[block for block in engine if block not in blocks], *reversed(blocks)][-room:]
        if cached < expected:
            assert used is not None
            index.correct(a, used)
        assert set(engine) <= set(index._of[a])


CHAINS = [path for length in range(1, 5) for path in itertools.product((0, 1), repeat=length)]


def chained(path: tuple[int, ...]) -> list[int]:
    """Blocks as a chain has them: each names all that stands before it."""
    return [hash(path[: depth + 1]) for depth in range(len(path))]


class AgainstOneListATarget(RuleBasedStateMachine):
    """The index beside what it stands for: for each target a list of (block, when), the least recent first."""

    def __init__(self) -> None:
        super().__init__()
        self.index = PrefixIndex(12)
        self.lists: dict[int, list[tuple[int, float]]] = {}
        self.now = 0.0

    def trim(self) -> None:
        for slot, blocks in self.lists.items():
            self.lists[slot] = blocks[-self.index.share(slot) :]

    @precondition(lambda self: len(self.lists) < 4)
    @rule()
    def join(self) -> None:
        slot = self.index.join()
        assert slot not in self.lists
        self.lists[slot] = []
        self.trim()

    @precondition(lambda self: self.lists)
    @rule(data=st.data())
    def part(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.lists)))
        self.index.part(slot)
        del self.lists[slot]

    @precondition(lambda self: self.lists)
    @rule(data=st.data())
    def clear(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.lists)))
        self.index.clear(slot)
        self.lists[slot] = []

    @rule(bound=st.integers(0, 30))
    def follow(self, bound: int) -> None:
        self.index.bound = bound
        self.trim()

    @precondition(lambda self: self.lists)
    @rule(data=st.data(), room=st.integers(0, 8))
    def limit(self, data: st.DataObject, room: int) -> None:
        self.index.limit(data.draw(st.sampled_from(sorted(self.lists))), room)
        self.trim()

    @precondition(lambda self: self.lists)
    @rule(data=st.data(), path=st.sampled_from(CHAINS), corrects=st.booleans())
    def remember(self, data: st.DataObject, path: tuple[int, ...], corrects: bool) -> None:
        slot, blocks = data.draw(st.sampled_from(sorted(self.lists))), chained(path)
        self.now += 1.0
        known = dict(self.lists[slot])
        used = next((known[block] for block in reversed(blocks) if block in known), None)
        assert self.index.remember(slot, blocks, self.now) == used
        kept = [(block, at) for block, at in self.lists[slot] if block not in blocks]
        self.lists[slot] = kept + [(block, self.now) for block in reversed(blocks)]
        self.trim()
        if corrects and used is not None:
            self.index.correct(slot, used)
            self.lists[slot] = [(block, at) for block, at in self.lists[slot] if at > used]

    @invariant()
    def the_same_is_found(self) -> None:
        for path in CHAINS:
            blocks = chained(path)
            depths = {}
            for slot, known in self.lists.items():
                have = {block for block, _ in known}
                depth = next((at for at, block in enumerate(blocks) if block not in have), len(blocks))
                if depth:
                    depths[slot] = depth / len(blocks)
            assert hits(self.index, *blocks) == pytest.approx(depths)

    @invariant()
    def bits_and_tables_agree_and_no_bound_is_passed(self) -> None:
        for slot, known in self.lists.items():
            assert list(self.index._of[slot].items()) == known
            assert self.index.held(slot) == len(known) <= self.index.share(slot)
        holders: dict[int, int] = {}
        for slot, known in self.lists.items():
            for block, _ in known:
                holders[block] = holders.get(block, 0) | 1 << slot
        assert self.index._holders == holders
        assert len(self.index) <= max(self.index.bound, prefix.LEAST_BLOCKS * len(self.lists))


def test_against_one_list_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix, "LEAST_BLOCKS", 2)
    AgainstOneListATarget.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
    AgainstOneListATarget.TestCase().runTest()


@given(st.sets(st.integers(0, 300), max_size=40) | st.just(set(range(301))))
@settings(max_examples=20)
def test_hundreds_of_targets(having: set[int]) -> None:
    index = PrefixIndex(10**6)
    slots = [index.join() for _ in range(301)]
    for slot in having:
        index.remember(slots[slot], range(1 + slot % 7), 0.0)
    assert hits(index, *range(7)) == pytest.approx({slot: (1 + slot % 7) / 7 for slot in having})
    assert repr(index).endswith("of 301 targets>")
