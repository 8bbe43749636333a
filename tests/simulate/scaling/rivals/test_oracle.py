from penstock.scaling.seen import Seen
from penstock.simulate.scaling.rivals.oracle import Oracle


def test_it_asks_a_start_ahead_and_ends_what_is_not_needed_for_as_long() -> None:
    load = [10.0] * 10 + [50.0] * 5 + [10.0] * 20
    oracle = Oracle(load, 10.0, 10.0, 1.0, lead=30.0)
    wanted = [oracle.decide(Seen(at * 10.0)).wanted for at in range(len(load))]
    assert wanted[5] == 1
    assert wanted[6:15] == [5] * 9
    assert wanted[15:] == [1] * 20
