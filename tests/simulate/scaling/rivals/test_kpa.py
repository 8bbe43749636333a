from penstock.scaling.seen import Seen
from penstock.simulate.scaling.rivals.kpa import Kpa


def seen(at: float, load: float, stands: int) -> Seen:
    return Seen(at, load=load, requests=load, ready=stands, wanted=stands, carries=10.0, response=5.0)


def test_the_mean_of_a_minute_decides() -> None:
    policy = Kpa(0.5)
    for at in range(0, 60, 10):
        policy.decide(seen(at, 50.0, 10))
    assert policy.decide(seen(60, 80.0, 10)).wanted == 11


def test_twice_what_stands_is_panic_and_nothing_goes_before_it_is_over() -> None:
    policy = Kpa(0.5)
    policy.decide(seen(0, 50.0, 10))
    assert policy.decide(seen(10, 100.0, 10)).wanted == 20
    assert policy.decide(seen(20, 10.0, 20)).wanted == 20
    assert policy.decide(seen(60, 10.0, 20)).wanted == 20
    assert policy.decide(seen(71, 10.0, 20)).wanted == 10  # by half at most


def test_half_at_most_goes_at_once() -> None:
    assert Kpa(0.5).decide(seen(0, 5.0, 10)).wanted == 5
