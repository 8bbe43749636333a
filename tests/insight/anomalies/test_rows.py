import math

import pytest

from penstock.core.sketch import put
from penstock.core.windows import Group, Window
from penstock.insight.anomalies.rows import AT, FIELDS, GATEWAY, by_scope, empty, logs, total


class Usual:
    def cost(self, group: Group) -> float:
        return 100.0

    def level(self, scope: tuple[str | None, str | None], measure: str) -> float | None:
        return math.log(0.2) if scope == ("chat", "gpu-1") and measure == "first_token" else None


def test_calls_are_in_every_scope_they_belong_to() -> None:
    groups = [
        Group(model="chat", upstream="gpu-1", calls=3, cost=7),
        Group(model="chat", upstream="gpu-2", calls=2, faults={"upstream": 1}),
        Group(model="chat", calls=4, looked_up=4, hits=4),
    ]
    rows = by_scope(Window(0.0, groups=groups), Usual())
    assert {scope: row[AT["calls"]] for scope, row in rows.items()} == {
        GATEWAY: 9, ("chat", None): 9, (None, "gpu-1"): 3, (None, "gpu-2"): 2, ("chat", "gpu-1"): 3,
        ("chat", "gpu-2"): 2,
    }  # fmt: skip
    assert rows[None, "gpu-2"][AT["upstream_faults"]] == 1
    assert rows[GATEWAY][AT["hits"]] == 4
    assert rows["chat", "gpu-1"][AT["should_cost"]] == 100.0
    assert all(row[AT["windows"]] == 1 for row in rows.values())


def test_what_is_usual_for_a_pair_is_taken_off() -> None:
    group = Group(model="chat", upstream="gpu-1")
    for _ in range(5):
        put(group.firsts, 0.4)
    row = by_scope(Window(0.0, groups=[group]), Usual())[GATEWAY]
    assert row[AT["known_first"]] == 5
    assert row[AT["off_first"]] / 5 == pytest.approx(math.log(2), abs=0.03)
    assert row[AT["known_gap"]] == 0


def test_the_logarithms_of_a_sketch() -> None:
    sketch: dict[int, int] = {}
    for value in (0.1, 0.2, 0.4, 0.0):
        put(sketch, value)
    number, _ = logs(sketch)
    del sketch[min(sketch)]
    assert number == 4
    number, whole = logs(sketch)
    assert whole / number == pytest.approx(math.log(0.2), abs=0.02)


def test_rows_add_up() -> None:
    assert len(empty()) == len(FIELDS)
    assert total([empty(), empty(), empty()])[AT["windows"]] == 3
