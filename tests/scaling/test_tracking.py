from penstock.scaling.seen import Seen
from penstock.scaling.tracking import Tracking


def test_the_load_of_each_is_brought_to_its_share() -> None:
    rule = Tracking(0.5)
    assert rule.need(Seen(0.0, load=40.0, carries=10.0, wanted=3)).wanted == 8
    assert rule.need(Seen(0.0, load=40.1, carries=10.0, wanted=3)).wanted == 9
    assert rule.need(Seen(0.0, load=0.0, carries=10.0, wanted=3)).wanted == 0


def test_what_is_not_known_holds() -> None:
    need = Tracking(0.5).need(Seen(0.0, load=40.0, wanted=3))
    assert (need.wanted, need.confidence) == (3, 0.0)
