from penstock.scaling.seen import Seen
from penstock.simulate.scaling.rivals.apa import Apa


def seen(at: float, load: float, stands: int) -> Seen:
    return Seen(at, load=load, requests=load, ready=stands, wanted=stands, carries=10.0, response=5.0)


def test_outside_a_tenth_it_moves_and_at_most_doubles() -> None:
    assert Apa(0.5).decide(seen(0, 54.0, 10)).wanted == 10
    assert Apa(0.5).decide(seen(0, 60.0, 10)).wanted == 12
    assert Apa(0.5).decide(seen(0, 600.0, 10)).wanted == 20


def test_down_only_five_minutes_after_a_change() -> None:
    policy = Apa(0.5)
    assert policy.decide(seen(0, 60.0, 10)).wanted == 12
    assert policy.decide(seen(200, 10.0, 12)).wanted == 12
    assert policy.decide(seen(300, 10.0, 12)).wanted == 6
