import random

import pytest

from penstock.core.windows import Group
from penstock.insight.anomalies.prices import LAG, LEARNED, MOST, Price, Prices, solved, tokens


def group(draw: random.Random, model: str = "chat", times: float = 1.0) -> Group:
    whole, cached, out = draw.randint(1000, 5000), draw.randint(0, 500), draw.randint(100, 900)
    cost = round((2 * (whole - cached) + 0.2 * cached + 8 * out) * times)
    return Group(model=model, upstream="gpu-1", tokens_in=whole, tokens_cached=cached, tokens_out=out, cost=cost)


def test_prices_are_found_from_what_calls_cost() -> None:
    draw, price = random.Random(1), Price()
    for number in range(LEARNED):
        assert price.expected((1.0, 0.0, 0.0)) is None, number
        one = group(draw)
        price.learn(tokens(one), one.cost)
    assert price.prices == pytest.approx([2.0, 0.2, 8.0], abs=0.02)


def test_what_is_never_seen_does_not_spoil_the_rest() -> None:
    price = Price()
    for number in range(LEARNED):
        price.learn((1000.0 + number, 0.0, 0.0), 2000.0 + 2 * number)
    assert price.expected((500.0, 0.0, 0.0)) == pytest.approx(1000.0, rel=0.001)
    assert solved([[0.0] * 3] * 3, [0.0] * 3) == [0.0, 0.0, 0.0]


def test_longer_calls_are_expected_to_cost_more_and_a_new_price_is_not() -> None:
    draw, prices = random.Random(2), Prices()
    for _ in range(LEARNED + LAG + 5):
        prices.take([group(draw)], {})
    long = Group(model="chat", upstream="gpu-1", tokens_in=90_000, tokens_out=10, cost=180_080)
    assert prices.expected(long) == pytest.approx(long.cost, rel=0.02)
    dear = group(draw, times=3.0)
    assert prices.expected(dear) == pytest.approx(dear.cost / 3, rel=0.02)
    unknown = group(draw, "code")
    assert prices.expected(unknown) == unknown.cost
    prices.forget(("chat", "gpu-1"))
    assert prices.expected(dear) == dear.cost


def test_a_pair_that_is_odd_is_not_learned_and_pairs_are_bounded() -> None:
    draw, prices = random.Random(3), Prices()
    for _ in range(LEARNED + 2 * LAG):
        prices.take([group(draw)], {("chat", "gpu-1"): True})
    dear = group(draw, times=3.0)
    assert prices.expected(dear) == dear.cost
    for _ in range(LEARNED + LAG + 1):
        prices.take([group(draw, f"m{number}") for number in range(MOST + 20)], {})
    known = [prices.expected(group(draw, f"m{number}", 3.0)) for number in range(MOST + 20)]
    assert len(known) == MOST + 20
    assert repr(len(prices._known)) == str(MOST)
