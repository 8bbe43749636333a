import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from penstock.simulate.sampling import at_rate, longer, resample, synthetic
from penstock.simulate.traces import Row, Trace

TRACE = Trace("t", [Row(float(at), 100 + at, 10, [0, at], f"s{at % 3}") for at in range(0, 600, 2)])


@given(st.integers(1, 900), st.integers(0, 5))
def test_as_many_as_asked_for_in_order_and_nothing_made_up(calls: int, seed: int) -> None:
    drawn = resample(TRACE, calls, random.Random(seed), 60.0)
    assert len(drawn.rows) == calls
    assert [row.at for row in drawn.rows] == sorted(row.at for row in drawn.rows)
    assert {row.prompt for row in drawn.rows} <= {row.prompt for row in TRACE.rows}
    assert drawn == resample(TRACE, calls, random.Random(seed), 60.0)


def test_a_call_drawn_twice_is_another_but_for_the_common_block() -> None:
    drawn = resample(TRACE, 900, random.Random(1), 60.0)
    tails = [row.blocks[1] for row in drawn.rows]
    assert len(set(tails)) == len(tails)
    assert {row.blocks[0] for row in drawn.rows} == {0}
    assert any("/1" in row.session for row in drawn.rows)


def test_the_rate_is_the_mean_and_bursts_stay() -> None:
    trace = at_rate(Trace("t", [Row(float(at), 1, 1) for at in (5, 6, 25)]), 3.0)
    assert [row.at for row in trace.rows] == [0.0, 0.05, 1.0]


def test_longer_answers() -> None:
    assert [row.output for row in longer(Trace("t", [Row(0, 1, 3), Row(1, 1, 1)]), 0.5).rows] == [2, 1]


def test_synthetic_conversations_grow_and_share() -> None:
    trace = synthetic(500, random.Random(2))
    assert len(trace.rows) == 500
    assert trace == synthetic(500, random.Random(2))
    by_session: dict[str, list[Row]] = {}
    for row in trace.rows:
        assert len(row.blocks) == -(-row.prompt // 512) or len(row.blocks) * 512 >= row.prompt
        by_session.setdefault(row.session, []).append(row)
    talks = [rows for rows in by_session.values() if len(rows) > 2]
    assert talks
    for rows in talks:
        assert all(before.prompt + before.output < after.prompt for before, after in pairwise(rows))
        whole = rows[0].prompt // 512
        assert list(rows[1].blocks[:whole]) == list(rows[0].blocks[:whole])
    assert len({row.blocks[0] for row in trace.rows if row.blocks}) <= 8
