from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.finished import Finished, Record
from penstock.core.sketch import count, quantile
from penstock.core.windows import MOST_GROUPS, MOST_VALUES, OTHER, SPAN, Group, Window
from penstock.history.tally import KEPT, UNKNOWN, Tally, begin_of
from tests.support.windows import finished, window_of

START = 1_800_000_000.0


def only(window: Window) -> Group:
    (group,) = window.groups
    return group


def test_a_stream_that_ended_well() -> None:
    window = window_of(START, finished(queued=0.1, tags="team:a", waits={"queue": 0.1, "batching": 0.2}))
    group = only(window)
    assert (group.operation, group.model, group.upstream, group.calls, group.streams) == ("chat", "large", "east", 1, 1)
    assert (group.looked_up, group.hits, group.tokens_in, group.tokens_out, group.cost) == (1, 0, 1000, 101, 5000)
    assert group.prefill == pytest.approx(0.5 - 0.1 - 0.0001)
    assert group.generating == pytest.approx(1.5)
    assert quantile(group.totals, 0.5) == pytest.approx(2.0, rel=0.02)
    assert quantile(group.firsts, 0.5) == pytest.approx(0.5, rel=0.02)
    assert quantile(group.gaps, 0.5) == pytest.approx(0.015, rel=0.02)
    assert quantile(group.queues, 0.5) == pytest.approx(0.1, rel=0.02)
    assert quantile(group.overheads, 0.5) == pytest.approx(0.0001, rel=0.02)
    assert window.waits == {"queue": 0.1, "batching": 0.2}
    assert group.held == 0
    assert {name: list(values) for name, values in window.parts.items()} == {
        "key": ["key_1"], "tag": ["team:a"], "prompt": ["1024"], "cache": ["miss"],
    }  # fmt: skip
    part = window.parts["key"]["key_1"]
    assert (part.calls, part.failed, part.total, part.tokens_in, part.cost) == (1, 0, 2.0, 1000, 5000)


def test_streams_that_waited_for_a_start_are_counted() -> None:
    waits = {"start": 2.0, "retry": 0.1}
    window = window_of(
        START, finished(waits=waits), finished(waits=waits, stream=False), finished(waits={"retry": 0.1})
    )
    assert only(window).held == 1
    assert window.waits == {"start": 4.0, "retry": pytest.approx(0.3)}


def test_a_hit_tells_nothing_of_an_upstream() -> None:
    group = only(window_of(START, finished(cache="hit-exact", attempts=0, upstream="", first_byte=0.001, saved=7)))
    assert (group.looked_up, group.hits, group.saved) == (1, 1, 7)
    assert (group.firsts, group.gaps, group.generating, group.prefill) == ({}, {}, 0.0, 0.0)
    assert count(group.totals) == 1


def test_models_that_callers_make_up_are_one() -> None:
    made_up = [finished(model=f"x{number}", known=False, upstream="") for number in range(MOST_GROUPS + 10)]
    window = window_of(START, *made_up, finished())
    assert {group.model: group.calls for group in window.groups} == {UNKNOWN: MOST_GROUPS + 10, "large": 1}


def test_whose_fault_it_was() -> None:
    window = window_of(
        START,
        finished(fault="upstream", error="upstream_timeout", outcome="error"),
        finished(fault="gateway", error="gateway_overloaded", outcome="error"),
        finished(fault="caller", error="invalid_json", outcome="error"),
        finished(outcome="left", fault="caller"),
        finished(),
    )
    group = only(window)
    assert group.faults == {"upstream": 1, "gateway": 1, "caller": 1, "left": 1}
    assert group.failed == 2
    assert count(group.totals) == 1, "only that which ended well"
    assert window.parts["error"]["upstream_timeout"].failed == 1
    assert window.parts["error"]["invalid_json"].failed == 0


def test_what_was_done_for_a_call() -> None:
    group = only(
        window_of(START, finished(attempts=3, rescues=1, hedge="won", batch="b1", degraded="model"), finished())
    )
    assert (group.retried, group.rescued, group.hedged, group.batched, group.degraded) == (1, 1, 1, 1, 1)


def test_an_answer_in_one_piece() -> None:
    group = only(window_of(START, finished(stream=False, first_byte=0.0, tokens_out=19)))
    assert (group.streams, group.firsts, group.prefill, group.generating) == (0, {}, 0.0, 1.9)
    assert quantile(group.gaps, 0.5) == pytest.approx(0.1, rel=0.02)


def test_instances_count_as_their_upstream() -> None:
    group = only(window_of(START, finished(upstream="pool@10.0.0.1:80"), finished(upstream="pool@10.0.0.2:80")))
    assert (group.upstream, group.calls) == ("pool", 2)


def test_a_call_that_took_no_time_is_a_call() -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("total", "first_byte", "waited", "overhead", "tokens_in", "tokens_out", "cost", "connecting"), 0
    )
    window = window_of(START, finished(**nothing))
    assert window.parts["key"]["key_1"].calls == only(window).calls == 1


def test_names_are_bounded() -> None:
    window = window_of(START, *(finished(model=f"m{n}", key=f"k{n}") for n in range(MOST_GROUPS + 50)))
    assert len(window.groups) == MOST_GROUPS + 1
    assert sum(group.calls for group in window.groups if group.model == OTHER) == 50
    assert len(window.parts["key"]) == MOST_VALUES + 1
    assert window.parts["key"][OTHER].calls == MOST_GROUPS + 50 - MOST_VALUES


def test_a_window_is_over_when_its_time_is() -> None:
    tally = Tally(START + 3, worker=2)
    tally.take([finished(at=START + 4)])
    tally.close(START + 9.9, {"cpu": 0.5})
    assert tally.over(0) == []
    tally.close(START + 10.2, {"cpu": 0.7})
    (window,) = tally.over(0)
    assert (window.start, window.calls, window.gauges, window.worker) == (START, 1, {"cpu": 0.7}, 2)
    assert tally.over(START) == []
    assert tally.start == START + SPAN


def test_windows_that_nobody_takes_are_bounded() -> None:
    tally = Tally(START)
    for number in range(KEPT + 5):
        tally.close(START + SPAN * (number + 1), {})
    assert len(tally.over(0)) == KEPT


def test_feedback() -> None:
    tally = Tally(START)
    tally.feedback("large", 1.0)
    tally.feedback("large", 0.5)
    for number in range(MOST_VALUES + 3):
        tally.feedback(f"m{number}", 0.0)
    tally.close(START + SPAN, {})
    (window,) = tally.over(0)
    assert window.feedback["large"] == (2, 1.5)
    assert window.feedback[OTHER] == (4, 0.0)


rows = st.builds(
    finished,
    at=st.integers(0, 40_000).map(lambda ms: START + ms / 1000),
    model=st.sampled_from(["a", "b"]),
    upstream=st.sampled_from(["", "x", "y@1"]),
    key=st.sampled_from(["", "k1", "k2"]),
    fault=st.sampled_from(["", "", "upstream", "caller"]),
    outcome=st.sampled_from(["ok", "ok", "left"]),
    cache=st.sampled_from(["", "miss", "hit-exact", "bypass"]),
    stream=st.booleans(),
    total=st.sampled_from([0.0, 0.25, 2.5]),
    first_byte=st.sampled_from([0.0, 0.25, 3.0]),
    queued=st.sampled_from([0.0, 0.5]),
    attempts=st.integers(0, 2),
    tokens_out=st.integers(0, 3),
    tokens_in=st.integers(0, 100_000),
    cost=st.integers(0, 10**12),
    waits=st.sampled_from([None, {"queue": 0.5}]),
)


def plainly(records: list[Record]) -> dict[str, Any]:
    """What all windows together must hold."""
    calls = [Finished._make(record) for record in records]
    well = [call for call in calls if not call.fault]
    asked = [call for call in well if call.cache != "hit-exact"]
    firsts = [call for call in asked if call.stream and call.first_byte]
    return {
        "calls": len(calls),
        "cost": sum(call.cost for call in calls),
        "tokens_in": sum(call.tokens_in for call in calls),
        "total": pytest.approx(sum(call.total for call in calls)),
        "hits": sum(call.cache == "hit-exact" for call in calls),
        "looked_up": sum(call.cache in ("hit-exact", "miss") for call in calls),
        "failed": sum(call.failed and call.outcome != "left" for call in calls),
        "left": sum(call.outcome == "left" for call in calls),
        "totals": len(well),
        "firsts": len(firsts),
        "prefill": pytest.approx(sum(call.prefill or 0.0 for call in firsts)),
        "generating": pytest.approx(sum(call.generating for call in asked)),
        "gaps": sum(call.token_gap is not None for call in asked),
        "key": sum(bool(call.key) for call in calls),
        "prompt": len(calls),
        "waits": pytest.approx(sum(0.5 for call in calls if call.waits)),
    }


def summed(windows: list[Window]) -> dict[str, Any]:
    groups = [group for window in windows for group in window.groups]
    said: dict[str, Any] = {
        name: sum(getattr(group, name) for group in groups)
        for name in ("calls", "cost", "tokens_in", "total", "hits", "looked_up", "failed", "prefill", "generating")
    }
    said |= {name: sum(count(getattr(group, name)) for group in groups) for name in ("totals", "firsts", "gaps")}
    said |= {
        name: sum(part.calls for window in windows for part in window.parts.get(name, {}).values())
        for name in ("key", "prompt")
    }
    said["left"] = sum(group.faults.get("left", 0) for group in groups)
    said["waits"] = sum(sum(window.waits.values()) for window in windows)
    return said


@given(st.lists(rows, max_size=25), st.lists(st.integers(0, 25), max_size=8), st.randoms())
def test_the_sum_of_windows_is_the_sum_of_records(records: list[Record], cuts: list[int], dice: Any) -> None:
    """Whatever the order in which they come, and whenever they are handed on and windows end."""
    dice.shuffle(records)
    tally = Tally(START)
    moments = sorted(dice.uniform(START, START + 40) for _ in cuts)
    places = sorted(min(cut, len(records)) for cut in cuts)
    for begin, end, moment in zip([0, *places], places, moments, strict=False):
        tally.take(records[begin:end])
        tally.close(moment, {})
    tally.take(records[places[-1] if places else 0 :])
    tally.close(START + 200, {})
    windows = tally.over(0)
    assert summed(windows) == plainly(records)
    assert all(window.start == begin_of(window.start) for window in windows)
    assert len({window.start for window in windows}) == len(windows)
