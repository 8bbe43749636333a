import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cost.rates import FREE, SCALE, Rates, Usage, at_length, parts, rates_of, spared_by_cache, worth

COUNTS = st.integers(0, 2**53)
PRICES = st.integers(0, 10**6 * SCALE)


def test_a_dollar_for_a_million_tokens_is_a_micro_dollar_for_one() -> None:
    rates = rates_of({"input": 3, "output": 15})
    assert worth(rates, Usage(1000, 10)) == (3000 + 150) * SCALE


def test_cached_written_and_reasoning_tokens_have_their_own_prices() -> None:
    rates = rates_of({"input": 3, "output": 15, "cached": 0.3, "cache_write": 3.75, "reasoning": 20})
    told = worth(rates, Usage(1000, 100, cached=600, written=200, reasoning=40))
    assert told == round((200 * 3 + 600 * 0.3 + 200 * 3.75 + 60 * 15 + 40 * 20) * SCALE)


def test_what_is_not_said_costs_as_much_as_the_rest() -> None:
    rates = rates_of({"input": 3, "output": 15})
    assert worth(rates, Usage(1000, 100, 600, 200, 40)) == worth(rates, Usage(1000, 100))


def test_from_a_length_on_all_tokens_cost_otherwise() -> None:
    rates = rates_of({"input": [3, [200, 6], [400, 9]], "output": [10, [200, 20]], "cached": 1})
    assert worth(rates, Usage(200, 1)) == (600 + 10) * SCALE
    assert worth(rates, Usage(201, 1)) == (1206 + 20) * SCALE
    assert worth(rates, Usage(401, 1, cached=1)) == (3600 + 1 + 20) * SCALE
    assert at_length(rates, 0).input == 3 * SCALE


def test_a_call_may_cost_something_by_itself() -> None:
    assert worth(rates_of({"request": 0.01}), Usage(calls=1)) == 10_000 * SCALE
    assert worth(rates_of({"request": 5}, 1000), Usage(calls=2)) == 10_000 * SCALE
    assert worth(rates_of({"request": 5}), Usage(calls=0)) == 0


@pytest.mark.parametrize("wrong", [-1, -0.000001, math.nan, math.inf, -math.inf, Decimal("NaN")])
def test_what_is_no_price_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="no price"):
        parts(wrong)


def test_prices_are_as_exact_as_they_are_written() -> None:
    assert parts(0.1) == SCALE // 10
    assert parts(0.000000001) == 1
    assert parts(1e6) == 10**6 * SCALE


@given(
    st.builds(Rates, PRICES, PRICES, PRICES, PRICES, PRICES, PRICES, tiers=st.just(())),
    st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.integers(0, 1)),
)
def test_no_usage_costs_less_than_nothing_however_odd_its_counts_are(rates: Rates, usage: Usage) -> None:
    told = worth(rates, usage)
    most = max(rates[:5]) * (usage.prompt + usage.answer) + rates.request
    assert 0 <= told <= most
    assert spared_by_cache(rates, usage) >= 0


def test_what_the_cache_of_a_provider_spares() -> None:
    rates = rates_of({"input": 3, "output": 15, "cached": 0.3})
    assert spared_by_cache(rates, Usage(1000, 5, cached=500)) == round(500 * 2.7 * SCALE)
    assert spared_by_cache(rates_of({"input": 1, "cached": 2}), Usage(10, 0, cached=5)) == 0
    assert FREE.is_free
    assert not rates.is_free
