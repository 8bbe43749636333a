from penstock.core.money import note, pay_for, spare, spend
from tests.support.exchanges import finished


def test_what_is_spared_is_summed_and_named_and_nothing_is_not_noted() -> None:
    exchange = finished()
    spare(exchange, "cache", 0)
    assert exchange.money is None
    spare(exchange, "cache", 5)
    spare(exchange, "cache", 2)
    note(exchange, "estimated", 9)
    assert (exchange.saved, exchange.money) == (7, {"cache": 7, "estimated": 9})


def test_who_pays_for_another_is_told_all_of_it_on_top_of_its_own() -> None:
    one, other = finished(cost=3), finished(cost=4)
    spare(one, "routing", 1)
    spare(other, "routing", 2)
    note(other, "unpriced", 1)
    pay_for(one, other)
    assert (one.cost, one.saved, one.money) == (7, 3, {"routing": 3, "unpriced": 1})
    assert other.money == {"routing": 2, "unpriced": 1}


def test_attempts_are_noted_one_by_one_with_time_that_is_their_own() -> None:
    exchange, other = finished(rented=5), finished(upstream="b", upstream_model="n", rented=7)
    spend(exchange, exchange)
    spend(exchange, other, 3)
    assert exchange.spent == [("up", "", 11, 22, 5, 0, 0, 0), ("b", "n", 11, 3, 5, 0, 0, 7)]
