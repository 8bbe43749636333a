from penstock.scaling.seen import Seen


def test_what_stands_serves_or_soon_will() -> None:
    assert Seen(0.0, ready=3, starting=2, draining=4).standing == 5
