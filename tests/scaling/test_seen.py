from penstock.scaling.seen import Seen


def test_what_stands_serves_or_soon_will() -> None:
    assert Seen(0.0, ready=3, starting=2, draining=4).standing == 5


def test_it_is_idle_when_nothing_comes_runs_or_waits() -> None:
    assert Seen(0.0, ready=3).is_idle
    assert not any(one.is_idle for one in (Seen(0.0, load=0.1), Seen(0.0, in_flight=1.0), Seen(0.0, waiting=1.0)))
