"""Pools whose system says which replica goes: a StatefulSet gives up its highest number."""

from collections.abc import Sequence

from penstock.scaling.pools.plan import Going, Under, plan
from penstock.scaling.replica import Replica, Standing

NAMES = ["v-0", "v-1", "v-2"]
BUSY = Under(in_flight=5, loss=9.0, drained=True)
EMPTY = Under(in_flight=0, loss=0.0, drained=True)


def standing(order: Sequence[str]) -> Standing:
    return Standing(3, [Replica(name, f"{name}:1", "ready") for name in NAMES], order=list(order))


def test_the_last_goes_though_another_would_cost_less() -> None:
    under = {"v-0": EMPTY, "v-1": EMPTY, "v-2": BUSY}
    assert plan(standing(NAMES[::-1]), 2, {}, under, 0.0, 60.0).ask == 3, "nobody has ended yet"
    fresh = {name: Under(in_flight=5, loss=loss) for name, loss in zip(NAMES, (0.0, 1.0, 9.0), strict=True)}
    assert plan(standing(NAMES[::-1]), 2, {}, fresh, 0.0, 60.0).drain == ["v-2"]
    assert plan(standing([]), 2, {}, fresh, 0.0, 60.0).drain == ["v-0"], "where one can choose, the cheapest"


def test_one_that_is_empty_waits_for_the_one_that_must_go_before() -> None:
    going = {"v-1": Going(0.0, out=0.5), "v-2": Going(0.0, out=0.5)}
    waits = plan(standing(NAMES[::-1]), 1, going, {"v-0": BUSY, "v-1": EMPTY, "v-2": BUSY}, 1.0, 60.0)
    assert waits.end == []
    assert waits.ask == 3
    both = plan(standing(NAMES[::-1]), 1, going, {"v-0": BUSY, "v-1": EMPTY, "v-2": EMPTY}, 1.0, 60.0)
    assert both.end == ["v-2", "v-1"]
    assert both.ask == 1
    free = plan(standing([]), 1, going, {"v-0": BUSY, "v-1": EMPTY, "v-2": BUSY}, 1.0, 60.0)
    assert free.end == ["v-1"]
