from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from penstock.history.columns import Columns
from penstock.history.measures import Curve
from penstock.history.tables import Table, stored

PLACES = {"calls": 0, "cost": 1, "total": 2}
NAMES = ["calls", "total", "cost"]
STEPS = 3
ROWS = st.tuples(st.integers(0, 2**40), st.integers(0, 2**50), st.integers(-(2**50), 2**50))
TABLES = st.lists(st.tuples(st.integers(0, STEPS - 1), st.lists(ROWS, min_size=4, max_size=4)), max_size=8)


def table(rows: list[tuple[int, int, int]]) -> Table:
    return Table(stored(["a", "b", "c", "d"], list(zip(*rows, strict=True))), PLACES, lambda _: [])


@given(TABLES)
def test_it_is_as_if_added_number_by_number(tables: list[tuple[int, list[tuple[int, int, int]]]]) -> None:
    one, two, left_out = (Curve([10.0] * STEPS) for _ in range(3))
    curves = [one, None, two, two]  # of the second nobody asks; two rows make one curve
    columns = Columns(NAMES, curves)
    expected: Counter[tuple[int, str, int]] = Counter()
    for step, rows in tables:
        columns.add(step, table(rows))
        for curve, row in zip(curves, rows, strict=True):
            for name, place in PLACES.items():
                expected[id(curve), name, step] += row[place]
    columns.count()
    assert one.calls == sum(expected[id(one), "calls", step] for step in range(STEPS))
    assert two.calls == sum(expected[id(two), "calls", step] for step in range(STEPS))
    columns.pour({curve: [curve.column(name) for name in NAMES] for curve in (one, two, left_out)})
    assert left_out["calls"] == [0] * STEPS
    for curve in (one, two):
        for name in PLACES:
            assert curve[name] == [expected[id(curve), name, step] for step in range(STEPS)]


def test_what_is_not_told_is_not_added_up() -> None:
    told, untold = Curve([10.0]), Curve([10.0])
    columns = Columns(["calls"], [told, untold, None, None])
    columns.add(0, table([(1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0)]))
    columns.count()
    columns.pour({told: [told.column("calls")]})
    assert (told["calls"], told.calls, untold.numbers, untold.calls) == ([1], 1, {}, 2)
    assert repr(columns) == "<Columns ['calls'] of 4 rows, 1 steps>"
