from penstock.scaling.replica import Replica
from penstock.scaling.starts import KEPT, Starts


def started(name: str, took: float) -> Replica:
    return Replica(name, f"{name}:1", "ready", 100.0 + took, 100.0, took)


def test_each_start_counts_once() -> None:
    starts = Starts()
    assert starts.seconds == 0
    assert starts.see([started("a", 30.0)], 200.0)
    assert not starts.see([started("a", 30.0)], 201.0)
    assert starts.measured == [30.0]
    assert starts.seconds == 30.0


def test_another_one_of_the_same_name_counts_too() -> None:
    starts = Starts()
    starts.see([started("gpu-0", 1.0)], 200.0)
    assert starts.see([Replica("gpu-0", "h:1", "ready", 390.0, 300.0, 90.0)], 400.0)
    assert starts.measured == [1.0, 90.0]


def test_it_is_what_most_starts_stay_within_and_forgets_old_ones() -> None:
    starts = Starts()
    starts.see([started(str(number), 10.0) for number in range(18)], 200.0)
    starts.see([started("slow", 90.0), started("slower", 95.0)], 200.0)
    assert starts.seconds == 90.0
    starts.see([started(f"new {number}", 5.0) for number in range(KEPT)], 300.0)
    assert starts.seconds == 5.0


def test_a_start_that_lasts_longer_than_any_before_counts_already() -> None:
    starts = Starts([20.0])
    slow = Replica("b", "", "starting", 100.0, 100.0)
    starts.see([slow], 110.0)
    assert starts.seconds == 20.0
    starts.see([slow], 190.0)
    assert starts.seconds == 90.0
    starts.see([started("b", 95.0)], 195.0)
    assert starts.seconds == 95.0


def test_what_stands_after_a_restart_was_counted_before_it() -> None:
    after = Starts([20.0, 30.0])
    assert not after.see([started("a", 30.0)], 200.0)
    assert after.measured == [20.0, 30.0]
    assert after.see([started("a", 30.0), started("c", 40.0)], 300.0)
    assert after.measured == [20.0, 30.0, 40.0]


def test_what_no_start_can_have_taken_is_not_believed() -> None:
    assert Starts([float("inf"), float("nan"), -1.0, 1e9, 20.0]).measured == [20.0]
