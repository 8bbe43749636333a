from penstock.scaling.required import Required
from penstock.scaling.seen import Seen


def test_the_upper_bound_and_a_tenth_more() -> None:
    seen = Seen(0.0, load=50.0, carries=10.0, starts=60.0, wanted=5, ready=5, upper=lambda seconds, share: 100.0)
    assert Required().need(seen).wanted == 11


def test_fewer_only_below_four_fifths_of_what_stands() -> None:
    rule = Required()
    for stands, wanted in ((13, 13), (14, 11)):
        seen = Seen(0.0, load=50.0, carries=10.0, wanted=stands, upper=lambda seconds, share: 100.0)
        assert rule.need(seen).wanted == wanted


def test_without_a_forecast_the_load_of_now_counts() -> None:
    assert Required().need(Seen(0.0, load=100.0, carries=10.0, wanted=5)).wanted == 11
    assert Required().need(Seen(0.0, load=100.0, wanted=5)).wanted == 5
