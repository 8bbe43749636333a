from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pytest

from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.money import spend
from penstock.cost.pricing import Place, Pricing, Rules
from penstock.cost.rates import rates_of
from penstock.cost.table import Table
from tests.support.exchanges import finished

TEXT = files("penstock.cost").joinpath("prices.json").read_bytes()
OPENAI = Place(url="https://api.openai.com/v1")
PAID = Place(rates_of({"input": 3, "output": 15}))


def pricing(
    places: dict[str, Place],
    overrides: dict[str, dict[str, Any]] | None = None,
    unknown: str = "zero",
    ways: Sequence[tuple[str, str]] = (),
) -> Pricing:
    rules = Rules({name: rates_of(said) for name, said in (overrides or {}).items()}, places, unknown)
    return Pricing(rules, lambda: Table(TEXT), lambda model: ways, lambda model, asked: ways, lambda: 1.8e9)


def used(
    upstream: str = "up", model: str = "m", tokens: tuple[int, int] = (1000, 100), outcome: str = "ok", **facts: Any
) -> Exchange:
    exchange = finished(outcome)
    exchange.model = exchange.answered_as = model
    exchange.upstream, exchange.upstream_model = upstream, model
    exchange.tokens_in, exchange.tokens_out, exchange.tokens_cached = *tokens, 0
    for name, value in facts.items():
        setattr(exchange, name, value)
    return exchange


def cost(prices: Pricing, exchange: Exchange) -> int:
    prices.settle(exchange)
    return exchange.cost


def test_the_upstreams_own_price_goes_before_the_models_and_that_before_the_table() -> None:
    places = {"own": Place(rates_of({"input": 1}), url=OPENAI.url), "up": OPENAI}
    prices = pricing(places, {"gpt-4o": {"input": 2}, "gpt-*": {"input": 3}})
    assert cost(prices, used("own", "gpt-4o")) == 1000
    assert cost(prices, used("up", "gpt-4o")) == 2000
    assert cost(prices, used("up", "gpt-4o-mini")) == 3000
    assert cost(pricing({"up": OPENAI}), used("up", "gpt-4o")) == 1000 * 2.5 + 100 * 10


def test_an_override_may_name_the_model_as_callers_ask_for_it() -> None:
    prices = pricing({"up": OPENAI}, {"cheap": {"input": 7}})
    exchange = used("up", "gpt-4o", answered_as="cheap")
    assert cost(prices, exchange) == 7000


def test_instances_have_the_prices_of_their_upstream() -> None:
    assert cost(pricing({"up": PAID}), used("up@10.0.0.1:8000")) == 4500


def test_ones_own_engines_cost_nothing_by_the_token_unless_a_price_is_said() -> None:
    own = Place(url="", own=True)
    prices = pricing({"gpu": own}, {"priced": {"input": 1}})
    exchange = used("gpu", "gpt-4o")
    assert (cost(prices, exchange), exchange.money) == (0, None)
    assert cost(prices, used("gpu", "priced")) == 1000


def test_a_model_that_nobody_knows_is_free_and_counted_or_estimated() -> None:
    exchange = used("up", "gpt-99-unheard-of")
    assert (cost(pricing({"up": OPENAI}), exchange), exchange.money) == (0, {"unpriced": 1})
    guessed = used("up", "gpt-99-unheard-of")
    assert cost(pricing({"up": OPENAI}, unknown="estimate"), guessed) > 0
    assert guessed.money == {"estimated": guessed.cost}
    nowhere = used("up", "gpt-4o")
    assert cost(pricing({"up": Place(url="http://10.0.0.1/v1")}, unknown="estimate"), nowhere) == 0
    assert nowhere.money == {"unpriced": 1}


def test_a_model_that_nobody_knows_may_be_refused_before_anything_is_sent() -> None:
    ways = [("up", "gpt-4o"), ("other", "strange")]
    prices = pricing({"up": OPENAI, "other": OPENAI}, unknown="refuse", ways=ways)
    with pytest.raises(CallerError, match=r"'strange' costs at upstream 'other'.*cost.prices") as refused:
        prices.admit("m")
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, "price_unknown", "model")
    pricing({"up": OPENAI}, unknown="refuse", ways=ways[:1]).admit("m")
    pricing({}, unknown="refuse").admit("nobody")  # routing says that there is none


def test_fractions_are_carried_to_the_next_call() -> None:
    prices = pricing({"up": Place(rates_of({"input": 0.02}))})
    told = [cost(prices, used(tokens=(10, 0))) for _ in range(10)]
    assert sum(told) == 2
    assert set(told) == {0, 1}


def test_fractions_are_carried_where_prices_are_less_plain_too() -> None:
    prices = pricing({"up": Place(rates_of({"input": 0.02, "cached": 0.01}))})
    assert sum(cost(prices, used(tokens=(10, 0), tokens_cached=5)) for _ in range(20)) == 3


def test_numbers_beyond_all_measure_stay_exact() -> None:
    prices = pricing({"up": Place(rates_of({"input": 0.000000001, "output": 0.000001}))})
    exchange = used(tokens=(2**53, 2**53))
    assert cost(prices, exchange) == (2**53 + 2**53 * 1000) // 10**9


@pytest.mark.parametrize("price", [{"input": 1e6}, {"input": 1e6, "request": 1}, {"input": [1e6, [5, 1e6]]}])
def test_no_call_costs_more_than_a_million_dollars_whatever_its_upstream_claims(price: dict[str, Any]) -> None:
    prices = pricing({"up": Place(rates_of(price))})
    exchange = used(tokens=(2**53, 2**53))
    assert cost(prices, exchange) == 10**12
    assert cost(prices, used(tokens=(1, 0))) <= 10**6 + 10**6


def test_cached_tokens_spare_what_they_would_cost_else() -> None:
    prices = pricing({"up": Place(rates_of({"input": 3, "output": 15, "cached": 0.3}))})
    exchange = used(tokens=(1000, 100), tokens_cached=500)
    assert cost(prices, exchange) == 500 * 3 + 150 + 1500
    assert (exchange.saved, exchange.money) == (1350, {"prompt_cache": 1350})


def test_a_cheaper_choice_spares_the_difference_to_the_dearest() -> None:
    dear, mid = Place(rates_of({"input": 10, "output": 30})), Place(rates_of({"input": 5, "output": 20}))
    ways = [("up", "m"), ("dear", "m"), ("mid", "m"), ("gone", "m"), ("gpu", "m")]
    prices = pricing({"up": PAID, "dear": dear, "mid": mid, "gpu": Place(rented=True)}, ways=ways)
    exchange = used()
    assert (cost(prices, exchange), exchange.saved) == (4500, 13_000 - 4500)
    chosen_dear = used("dear")
    assert (cost(prices, chosen_dear), chosen_dear.saved, chosen_dear.money) == (13_000, 0, None)
    free = used("gpu")
    assert (cost(prices, free), free.money) == (0, {"routing": 13_000})


def test_a_price_by_the_call_is_paid_for_answers_and_once_for_many_callers() -> None:
    prices = pricing({"up": Place(rates_of({"request": 0.005}))})
    assert cost(prices, used()) == 5000
    assert cost(prices, used(outcome="error", tokens=(0, 0))) == 0
    assert cost(prices, used(status=429)) == 0
    merged = used(callers=4)
    assert (cost(prices, merged), merged.money) == (5000, {"batching": 15_000})


def test_each_attempt_is_paid_for_where_it_was_made() -> None:
    prices = pricing({"up": PAID, "dear": Place(rates_of({"input": 30, "output": 150}))})
    exchange = used(tokens=(200, 30))
    spend(exchange, used("dear", tokens=(100, 10)))
    spend(exchange, used("up", tokens=(100, 10)), 20)
    assert cost(prices, exchange) == 3000 + 1500 + 300 + 300


def test_what_came_after_attempts_that_are_noted_one_by_one_is_paid_for_too() -> None:
    """As of a fallback that needed no second attempt, after one that failed with two."""
    prices = pricing({"up": PAID, "gpu": Place(rented=True)})
    exchange = used("up", tokens=(100, 10))
    spend(exchange, used("gpu", tokens=(0, 0), rented=7 * 10**9))
    assert cost(prices, exchange) == 7 + 300 + 150


def test_time_is_paid_for_besides_tokens() -> None:
    prices = pricing({"gpu": Place(rented=True, own=True)})
    assert cost(prices, used("gpu", rented=2_500_000_000)) == 2
    assert cost(prices, used("gpu", rented=500_000_000)) == 1, "the half that was left over"
    several = used("gpu", rented=10**9, tokens=(0, 0))
    spend(several, used("gpu", rented=2 * 10**9))
    assert cost(prices, several) == 3


def test_what_asked_no_upstream_costs_nothing() -> None:
    exchange = used("", "")
    assert (cost(pricing({}), exchange), exchange.money) == (0, None)


def test_more_prices_than_are_remembered_are_found_again() -> None:
    prices = pricing({"up": PAID})
    assert {cost(prices, used(model=f"m-{number}")) for number in range(5000)} == {4500}
    assert len(prices._known) <= 4096


def test_names_that_are_too_long_are_priced_and_not_remembered() -> None:
    prices = pricing({"up": PAID}, unknown="refuse", ways=[("up", "m")])
    long = "m" * 100_000
    assert [cost(prices, used(model=long)) for _ in range(2)] == [4500, 4500]
    prices.admit(long)
    assert not prices._known
    assert not prices._verdicts
