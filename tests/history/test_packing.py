import msgspec
import pytest

from penstock.core.windows import Group, Window
from penstock.history.packing import ALL, SKETCHES, Packed, packed, shared_rows
from penstock.history.planes import sketch_of
from tests.support.windows import finished, window_of

START = 1_800_000_000.0


def window() -> Window:
    made = window_of(
        START,
        finished(queued=0.25, waits={"queue": 0.25}, tags="team:a"),
        finished(model="small", fault="upstream", error="upstream_timeout"),
        finished(upstream="west", cache="hit-exact", attempts=0),
        gauges={"cpu": 0.5, "in_flight": 3},
    )
    made.feedback = {"large": (2, 1.5)}
    made.peaks, made.covered, made.worker = {"cpu": 0.75}, 5.0, -1
    return made


def test_there_and_back() -> None:
    one = window()
    back = Packed(packed(one)).window()
    for group, other in zip(one.groups, back.groups, strict=True):
        for name in Group.__struct_fields__:
            value = getattr(group, name)
            told = getattr(other, name)
            assert told == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value), name
    assert (back.parts, back.gauges, back.waits) == (one.parts, one.gauges, one.waits)
    assert (back.peaks, back.covered, back.feedback) == (one.peaks, 5.0, one.feedback)


def test_sums_of_groups_are_kept_beside_them() -> None:
    one = Packed(packed(window()))
    assert set(one.own.names) == {("chat", "large", "east"), ("chat", "small", "east"), ("chat", "large", "west")}
    assert set(one.shared.names) == {(None, "large", None), (None, None, "east"), ALL}, "not of what stands alone"
    row = one.shared.names.index(ALL)
    assert (one.shared.sums("calls")[row], one.shared.sums("total")[row]) == (3, 6_000_000)
    assert one.shared.faults[row] == {"upstream": 1}
    assert sum(sketch_of(one.shared.sketches("totals")[row]).values()) == 2


def test_of_one_group_there_are_no_sums() -> None:
    assert shared_rows(window_of(START, finished()).groups) == {}


def test_parts_are_opened_by_dimension() -> None:
    one = Packed(packed(window()))
    assert one.values("tag")["team:a"][:3] == [1, 0, 2_000_000]
    assert one.values("nothing") == {}


def test_an_empty_window() -> None:
    back = Packed(packed(Window(START))).window()
    assert back == Window(START)


def test_what_is_no_window_is_refused() -> None:
    good = msgspec.msgpack.decode(packed(window()))
    with pytest.raises(ValueError, match="another version"):
        Packed(msgspec.msgpack.encode([99, *good[1:]]))
    with pytest.raises(ValueError, match=r"."):
        Packed(b"nothing")
    for nonsense in (b"x", b"{}", b""):
        broken = [*good[:5], [nonsense, *good[5][1:]], *good[6:]]
        with pytest.raises(ValueError, match=r"."):
            _ = Packed(msgspec.msgpack.encode(broken)).own.names


def test_large_columns_are_pressed_and_small_ones_are_not() -> None:
    many = [finished(model=f"m{number % 40}", total=float(number)) for number in range(400)]
    one = msgspec.msgpack.decode(packed(window_of(START, *many)))
    shared, own = one[4], one[5]
    totals = shared[3][SKETCHES.index("totals")]
    assert totals[:1] == b"x"
    assert shared[2][:1] != b"x"
    assert own[2][:1] == b"x"
