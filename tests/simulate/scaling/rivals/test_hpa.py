from penstock.scaling.seen import Seen
from penstock.simulate.scaling.rivals.hpa import Hpa, pool_use


def seen(at: float, load: float, stands: int, waiting: float = 0.0) -> Seen:
    return Seen(at, load=load, requests=load, waiting=waiting, ready=stands, wanted=stands, carries=10.0, response=5.0)


def test_what_waits_fills_replicas_too() -> None:
    assert pool_use(seen(0.0, 30.0, 1)) == 3.0
    assert pool_use(seen(0.0, 30.0, 1, waiting=50.0)) == 4.0


def test_within_the_tolerance_nothing_changes() -> None:
    assert Hpa(0.5).decide(seen(0.0, 54.0, 10)).wanted == 10
    assert Hpa(0.5).decide(seen(0.0, 56.0, 10)).wanted == 12
    assert Hpa(0.5, tolerance=0.02).decide(seen(0.0, 54.0, 10)).wanted == 11


def test_up_by_double_or_four_in_fifteen_seconds() -> None:
    policy = Hpa(0.5)
    assert policy.decide(seen(0.0, 500.0, 10)).wanted == 20
    assert policy.decide(seen(5.0, 500.0, 20)).wanted == 20
    assert policy.decide(seen(15.0, 500.0, 20)).wanted == 40
    assert Hpa(0.5).decide(seen(0.0, 500.0, 1)).wanted == 5


def test_down_to_the_highest_of_the_last_five_minutes() -> None:
    policy = Hpa(0.5)
    assert policy.decide(seen(0.0, 50.0, 10)).wanted == 10
    assert policy.decide(seen(15.0, 10.0, 10)).wanted == 10
    assert policy.decide(seen(299.0, 20.0, 10)).wanted == 10
    assert policy.decide(seen(301.0, 10.0, 10)).wanted == 4
