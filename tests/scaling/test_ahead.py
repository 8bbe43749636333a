import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.scaling.ahead import LEAST_KEPT, Ahead
from penstock.scaling.seen import Seen


def test_it_asks_for_what_a_starts_time_from_now_will_bring() -> None:
    rule = Ahead(19.0, 0.7)
    seen = Seen(0.0, load=100.0, requests=100.0, carries=10.0, starts=290.0, wanted=10, ready=10)
    assert rule.need(replace(seen, upper=lambda seconds, share: 100.0 + 0.5 * seconds)).wanted == 25
    assert rule.share == 0.95


def test_the_share_is_what_waiting_costs_against_idling() -> None:
    asked: list[float] = []

    def upper(seconds: float, share: float) -> float:
        asked.append(share)
        return 1.0

    Ahead(99.0, 0.7).need(Seen(0.0, load=1.0, carries=1.0, starts=10.0, upper=upper))
    assert 0.99 in asked


@given(st.floats(0, 1e6), st.floats(0, 2e6), st.integers(0, 400), st.floats(0, 1000))
def test_a_forecast_never_makes_it_smaller_than_the_load_of_now(
    load: float, told: float, wanted: int, waiting: float
) -> None:
    seen = Seen(0.0, load=load, requests=max(load, 1.0), waiting=waiting, carries=37.0, starts=60.0, wanted=wanted,
                ready=wanted, in_flight=load, response=5.0, upper=lambda seconds, share: told)  # fmt: skip
    need = Ahead(19.0, 0.7).need(seen)
    assert need.wanted * 37.0 >= load * (1 - 1e-9) - 1e-6
    assert wanted <= 1 or need.wanted >= math.ceil(LEAST_KEPT * wanted)


def test_what_waits_is_load_too() -> None:
    seen = Seen(0.0, load=100.0, requests=50.0, waiting=30.0, carries=10.0, starts=60.0, wanted=10, ready=10,
                upper=lambda seconds, share: 100.0)  # fmt: skip
    need = Ahead(19.0, 0.7).need(seen)
    assert (need.wanted, need.urgent) == (11, True)
    assert Ahead(19.0, 0.7).need(replace(seen, waiting=300.0)).wanted == 12


def test_nothing_goes_that_could_be_missed_before_it_is_back() -> None:
    def hump(seconds: float, share: float) -> float:
        return 100.0 if 100 < seconds < 200 else 50.0

    seen = Seen(0.0, load=50.0, carries=10.0, starts=290.0, wanted=10, ready=10)
    assert Ahead(19.0, 0.7).need(replace(seen, upper=hump)).wanted == 10
    assert Ahead(19.0, 0.7).need(replace(seen, upper=lambda seconds, share: 60.0)).wanted == 6


def test_one_decision_takes_half_at_most() -> None:
    seen = Seen(0.0, load=1.0, carries=10.0, starts=60.0, wanted=40, ready=40, upper=lambda seconds, share: 1.0)
    assert Ahead(19.0, 0.7).need(seen).wanted == 20


def test_the_last_one_goes_too_when_nothing_is_expected() -> None:
    seen = Seen(0.0, carries=10.0, starts=60.0, wanted=1, ready=1)
    assert Ahead(19.0, 0.7).need(replace(seen, upper=lambda seconds, share: 0.0)).wanted == 0
    assert Ahead(19.0, 0.7).need(replace(seen, upper=lambda seconds, share: 0.01)).wanted == 1


@pytest.mark.parametrize(("told", "wanted"), [(1.3, 0), (1.5, 1)])
def test_less_than_a_call_before_one_could_be_back_is_none(told: float, wanted: int) -> None:
    rule, seen = Ahead(19.0, 0.7), Seen(0.0, carries=10.0, starts=60.0, wanted=1, ready=1, upper=lambda _, share: told)
    assert rule.need(replace(seen, load=50.0, requests=0.5, wanted=5)).wanted == 5
    assert rule.need(seen).wanted == wanted, "a call was 100 of work, and 70 s times the load is what comes"


def test_calls_that_must_move_need_room() -> None:
    seen = Seen(0.0, load=100.0, requests=10.0, in_flight=3000.0, response=300.0, carries=10.0, starts=60.0, wanted=16,
                ready=16, upper=lambda seconds, share: 100.0)  # fmt: skip
    at_once = Ahead(19.0, 0.7, drain=10.0).need(seen).wanted
    patient = Ahead(19.0, 0.7, drain=30_000.0).need(seen).wanted
    assert at_once == 16
    assert patient == 10


def test_without_a_forecast_or_a_capacity_it_tracks() -> None:
    seen = Seen(0.0, load=70.0, carries=10.0, starts=60.0, wanted=3, ready=3)
    assert Ahead(19.0, 0.7).need(seen).wanted == 10
    assert Ahead(19.0, 0.7).need(replace(seen, upper=lambda seconds, share: None)).wanted == 10
    assert Ahead(19.0, 0.7).need(Seen(0.0, load=70.0, wanted=3)).wanted == 3


@pytest.mark.parametrize(("lower", "upper", "sure"), [(100.0, 100.0, 1.0), (50.0, 150.0, 0.5), (0.0, 90.0, 0.0)])
def test_confidence_is_how_near_the_quantiles_are(lower: float, upper: float, sure: float) -> None:
    seen = Seen(0.0, load=70.0, carries=10.0, starts=60.0, wanted=3, ready=3)
    told = Ahead(19.0, 0.7).need(replace(seen, upper=lambda seconds, share: lower if share < 0.5 else upper))
    assert told.confidence == pytest.approx(sure)


def test_a_burst_counts_at_once_and_what_waits_is_done_in_a_start_s_time() -> None:
    calm = Seen(0.0, load=10.0, requests=10.0, carries=10.0, starts=1.0, wanted=1, ready=1, upper=lambda *_: 10.0)
    assert Ahead(19.0, 0.7).need(calm).wanted == 1
    need = Ahead(19.0, 0.7).need(replace(calm, burst=35.0))
    assert (need.wanted, need.urgent) == (4, True)
    assert Ahead(19.0, 0.7).need(replace(calm, waiting=40.0)).wanted == 3
    assert Ahead(19.0, 0.7).need(replace(calm, waiting=40.0, starts=60.0)).wanted == 2
