from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.simulate.engine import NEVER, Replica, Work
from penstock.simulate.hardware import ENGINES, Engine

PLAIN = Engine("plain", 0.01, 0.001, 0.0, 0.0001, 1e12, 1000, 4, 10_000)


def finish(replica: Replica) -> list[Work]:
    """Step to the end. Returns what was told, in order."""
    told: list[Work] = []
    while replica.next != NEVER:
        told += replica.step(replica.next)
        assert replica.kv.held <= replica.kv.capacity
    return told


def test_one_call_alone() -> None:
    replica, work = Replica(PLAIN), Work(1, 500, 11)
    replica.arrive(work, 2.0)
    finish(replica)
    assert work.first == pytest.approx(2.0 + 0.01 + 500 * 0.0001)
    assert work.end - work.first == pytest.approx(10 * 0.011)


def test_a_long_prompt_takes_several_chunks() -> None:
    replica, work = Replica(PLAIN), Work(1, 5000, 1)
    replica.arrive(work, 0.0)
    finish(replica)
    assert work.first == work.end == pytest.approx(5 * (0.01 + 1000 * 0.0001))


def test_attention_makes_late_tokens_dearer() -> None:
    replica = Replica(Engine("long", 0.0, 0.0, 0.0, 0.0001, 1000, 10**6, 4, 10**6))
    work = Work(1, 2000, 1)
    replica.arrive(work, 0.0)
    finish(replica)
    assert work.first == pytest.approx((2000 + 2000**2 / 2000) * 0.0001)


def test_a_third_of_the_speed_takes_three_times_as_long() -> None:
    slow, work = Replica(PLAIN, 1 / 3), Work(1, 500, 11)
    slow.arrive(work, 0.0)
    finish(slow)
    assert work.end == pytest.approx(3 * (0.06 + 0.11))


def test_speed_may_change_on_the_way() -> None:
    replica, work = Replica(PLAIN), Work(1, 500, 1)
    replica.arrive(work, 0.0)
    replica.set_speed(0.5, 0.03)
    finish(replica)
    assert work.first == pytest.approx(0.03 + 2 * 0.03)


def test_decoding_slows_prompts_and_prompts_slow_decoding() -> None:
    alone, busy = Replica(PLAIN), Replica(PLAIN)
    one, other, late = Work(1, 100, 100), Work(1, 100, 100), Work(2, 4000, 1)
    alone.arrive(one, 0.0)
    busy.arrive(other, 0.0)
    busy.step(busy.next)
    busy.arrive(late, busy.at)
    finish(alone)
    finish(busy)
    assert other.end > one.end
    # 999 tokens a step beside one that decodes
    assert late.first - other.first == pytest.approx(4000 / 999 * (0.011 + 999 * 0.0001))


def test_a_full_seat_row_makes_the_fifth_wait() -> None:
    replica = Replica(PLAIN)
    works = [Work(number, 10, 100) for number in range(5)]
    for work in works:
        replica.arrive(work, 0.0)
    assert (replica.running, len(replica.waiting)) == (4, 1)
    finish(replica)
    assert works[4].first > min(work.end for work in works[:4])


def test_a_cached_beginning_is_not_computed_again() -> None:
    replica = Replica(PLAIN, block=100)
    first, second, other = Work(1, 1000, 2, range(10)), Work(2, 1000, 2, range(10)), Work(3, 500, 2, [0, 1, 99, 98, 97])
    for work in (first, second, other):
        replica.arrive(work, replica.at)
        finish(replica)
    assert [work.cached for work in (first, second, other)] == [0, 999, 200]
    assert second.first - first.end < 0.02


def test_who_leaves_in_the_line_or_in_prefill_is_gone() -> None:
    replica = Replica(PLAIN)
    works = [Work(number, 1000, 50) for number in range(6)]
    for work in works:
        replica.arrive(work, 0.0)
    replica.leave(works[5], 0.01)  # waits for a seat
    replica.leave(works[0], 0.02)  # in the midst of its prompt
    told = finish(replica)
    assert {work.number for work in told} == {1, 2, 3, 4}
    assert (replica.kv.held, replica.running) == (0, 0)
    assert "0 wait, 0 in prefill, 0 decode" in repr(replica)


CALLS = st.lists(
    st.tuples(st.floats(0, 2), st.integers(1, 3000), st.integers(1, 200), st.integers(0, 3)), min_size=1, max_size=40
)


@given(CALLS, st.sampled_from(sorted(ENGINES)), st.floats(0.2, 2.0))
@settings(max_examples=60)
def test_laws(calls: Sequence[tuple[float, int, int, int]], name: str, speed: float) -> None:
    """No call and no token is lost, prompts are computed in the order of arrival, and it never idles over work."""
    engine = ENGINES[name]
    replica = Replica(engine, speed, block=512)
    works = [
        Work(number, prompt, output, [kind * 100 + place for place in range(-(-prompt // 512))] if kind else ())
        for number, (_, prompt, output, kind) in enumerate(calls)
    ]
    now, told = 0.0, []
    for work, (wait, *_) in zip(works, calls, strict=True):
        now += wait
        while replica.next <= now:
            told += replica.step(replica.next)
        replica.arrive(work, now)
        assert replica.kv.held <= engine.kv
        assert replica.running <= engine.seats
        assert replica.next > replica.at or replica.running
        assert (replica.next == NEVER) == (not replica.running and not replica.waiting)
    told += finish(replica)
    # Once for its first token, and once more for its end unless that was the same moment.
    assert Counter(work.number for work in told) == {work.number: 1 + (work.output > 1) for work in works}
    assert all(work.end >= work.first > 0 for work in works)
    firsts = [work.first for work in works]
    assert firsts == sorted(firsts)
    worked = sum(
        (work.prompt - work.cached) * (1 + (work.prompt + work.cached) / (2 * engine.attention)) for work in works
    )
    assert replica.computed == pytest.approx(worked)
    assert replica.kv.held == 0
    for work in works:
        # Nobody is faster than alone.
        assert work.end - work.first >= (work.output - 1) * engine.step / speed * (1 - 1e-6)
