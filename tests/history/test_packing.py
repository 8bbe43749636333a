import msgspec
import pytest
from hypothesis import given

from penstock.core.windows import DIMENSIONS, SUMS, Group, Part, Window
from penstock.history.packing import (
    ALL,
    COLUMNS,
    FAULTS,
    GROUP_PLACES,
    HEAD,
    PART_PLACES,
    SKETCHES,
    Packed,
    packed,
    shared_rows,
)
from penstock.history.planes import pile_of, sketch_in
from tests.support.happenings import CALLS, Call, windows_of
from tests.support.windows import finished, full_window, window_of

START = 1_800_000_000.0


def near(group: Group | Part) -> dict[str, object]:
    """What is in it, to the microsecond."""
    told = msgspec.structs.asdict(group)
    return {name: pytest.approx(value, abs=1e-6) if isinstance(value, float) else value for name, value in told.items()}


def test_there_and_back() -> None:
    one = full_window(START)
    back = Packed(packed(one)).window()
    assert (back.parts, back.gauges, back.waits) == (one.parts, one.gauges, one.waits)
    assert (back.peaks, back.covered, back.feedback) == (one.peaks, 5.0, one.feedback)


@given(CALLS)
def test_every_window_comes_back(calls: list[Call]) -> None:
    for _, one in windows_of(calls):
        columns = packed(one)
        back = Packed(columns).window()
        groups = sorted(one.groups, key=lambda group: (group.operation, group.model, group.upstream))
        assert [msgspec.structs.asdict(group) for group in back.groups] == [near(group) for group in groups]
        assert back.parts.keys() == one.parts.keys()
        for dimension, values in one.parts.items():
            parts = {value: msgspec.structs.asdict(part) for value, part in back.parts[dimension].items()}
            assert parts == {value: near(part) for value, part in values.items()}
        for name in COLUMNS:
            assert packed(one, [name]) == {name: columns[name]}, "one alone is the same"


@given(CALLS)
def test_shared_rows_are_the_sums_of_their_groups(calls: list[Call]) -> None:
    for _, one in windows_of(calls):
        opened = Packed(packed(one))
        for row, (_, model, upstream) in enumerate(opened.shared.names):
            group = one.group(model, upstream)
            assert opened.shared.numbers("calls")[row] == group.calls
            assert opened.shared.numbers("saved")[row] == group.saved
            assert opened.shared.numbers("total")[row] == pytest.approx(1e6 * group.total, abs=1)
            for name in SKETCHES:
                sketch = sketch_in(pile_of(opened.sketches(name, own=False)[row]))
                assert sketch == getattr(group, name)


def test_sums_of_groups_are_kept_beside_them() -> None:
    one = Packed(packed(full_window(START)))
    assert one.own.names == [("chat", "large", "east"), ("chat", "large", "west"), ("chat", "small", "east")]
    assert one.shared.names == [ALL, (None, None, "east"), (None, "large", None)], "not of what stands alone"
    assert (one.shared.numbers("calls")[0], one.shared.numbers("total")[0]) == (3, 6_000_000)
    assert [one.shared.numbers(name)[0] for name in FAULTS] == [0, 1, 0, 0]
    assert sum(sketch_in(pile_of(one.sketches("totals", own=False)[0])).values()) == 2


def test_of_one_group_there_are_no_sums() -> None:
    assert shared_rows(window_of(START, finished()).groups) == {}


def test_parts_are_opened_by_dimension() -> None:
    one = Packed(packed(full_window(START)))
    table = one.parts("tag")
    assert (table.names, list(table.numbers("calls")), list(table.numbers("total"))) == (["team:a"], [1], [2_000_000])
    assert one.parts("error").names == ["upstream_timeout"]


def test_an_empty_window() -> None:
    back = Packed(packed(Window(START))).window()
    assert back == Window(START)


def test_names_are_in_order_whichever_call_came_first() -> None:
    one, other = finished(model="a", key="k1"), finished(model="b", key="k2")
    those = [Packed(packed(window_of(START, *calls))) for calls in ((one, other), (other, one))]
    assert those[0].own.stored_names == those[1].own.stored_names
    assert those[0].shared.stored_names == those[1].shared.stored_names
    assert those[0].parts("key").stored_names == those[1].parts("key").stored_names


def test_places_of_columns_do_not_change() -> None:
    """They are what windows of before are read by: new columns come last, or the version is another one."""
    assert tuple(GROUP_PLACES)[:26] == (
        "calls", "streams", "looked_up", "hits", "retried", "rescued", "hedged", "batched", "degraded", "tokens_in",
        "tokens_out", "tokens_cached", "tokens_reasoning", "bytes_in", "bytes_out", "total", "first_byte", "connecting",
        "waited", "queued", "overhead", "prefill", "generating", "cost", "saved", "faults_gateway",
    )  # fmt: skip
    assert tuple(GROUP_PLACES)[26:29] == ("faults_upstream", "faults_caller", "faults_left")
    assert tuple(PART_PLACES)[:9] == (
        "calls", "failed", "total", "first_byte", "tokens_in", "tokens_out", "hits", "cost", "saved",
    )  # fmt: skip
    assert COLUMNS[0] == HEAD
    assert set(SKETCHES) | set(DIMENSIONS) < set(COLUMNS)
    assert set(SUMS) < set(GROUP_PLACES)


def test_what_is_no_window_is_refused() -> None:
    columns = packed(full_window(START))
    head = msgspec.msgpack.decode(columns[HEAD])
    with pytest.raises(ValueError, match="another version"):
        Packed({HEAD: msgspec.msgpack.encode([99, *head[1:]])})
    with pytest.raises(ValueError, match=r"."):
        Packed({HEAD: b"nothing"})
    with pytest.raises(ValueError, match="head is missing"):
        Packed({})
    for nonsense in (b"x", b"{}", b""):
        broken = msgspec.msgpack.encode([*head[:5], [nonsense, *head[5][1:]]])
        with pytest.raises(ValueError, match=r"."):
            _ = Packed({HEAD: broken}).own.names
    with pytest.raises(ValueError, match="totals is missing"):
        Packed({HEAD: columns[HEAD]}).sketches("totals", own=True)
