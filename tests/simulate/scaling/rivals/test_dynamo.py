from penstock.scaling.forecast.rivals import Kalman, Naive
from penstock.scaling.seen import Seen
from penstock.simulate.scaling.rivals.dynamo import Dynamo


def seen(at: float, load: float, stands: int, starting: int = 0) -> Seen:
    return Seen(at, load=load, requests=load, ready=stands, starting=starting, wanted=stands + starting, carries=10.0)


def test_each_window_as_many_as_the_next_one_is_said_to_need() -> None:
    policy = Dynamo(0.5, Naive(1))
    for at in range(0, 180, 10):
        assert policy.decide(seen(at, 40.0, 10)).wanted in (9, 10)
    assert policy.decide(seen(180, 40.0, 10)).wanted == 8


def test_between_windows_one_at_a_time() -> None:
    policy = Dynamo(1.0, Naive(1))
    assert policy.decide(seen(0, 101.0, 10)).wanted == 11
    assert policy.decide(seen(10, 150.0, 10, starting=1)).wanted == 11
    assert policy.decide(seen(20, 70.0, 10)).wanted == 9
    assert policy.decide(seen(20, 75.0, 10)).wanted == 10


def test_a_trend_is_carried_on() -> None:
    level, trend = Dynamo(1.0, Naive(1)), Dynamo(1.0, Kalman(1), "dynamo kalman")
    for at in range(0, 3600, 10):
        last = [one.decide(seen(at, 10.0 + at, 400)).wanted for one in (level, trend) if at % 180 == 0]
    del last
    assert trend.name == "dynamo kalman"
    assert trend.decide(seen(3600, 3610.0, 1)).wanted > level.decide(seen(3600, 3610.0, 1)).wanted
