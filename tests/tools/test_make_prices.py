import datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    ConditionalPrice,
    ModelPrice,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

import make_prices

TODAY = datetime.date(2026, 11, 26)


def test_prices_are_exact_to_the_billionth() -> None:
    assert make_prices.number(Decimal("3")) == 3
    assert make_prices.number(Decimal("0.0805")) == 0.0805
    assert make_prices.number(Decimal("0.18000000000000002")) == 0.18
    tiers = TieredPrices(base=Decimal(1), tiers=[Tier(start=200, price=Decimal("1.5"))])
    assert make_prices.price(tiers) == [1, [200, 1.5]]


def test_only_what_answers_tell_is_priced() -> None:
    found = ModelPrice(input_mtok=Decimal(1), web_searches_kcount=Decimal(10), input_audio_mtok=Decimal(5))
    assert make_prices.prices(found) == {"input": 1}


@pytest.mark.parametrize(
    ("clause", "made"),
    [
        (ClauseEquals(equals="GPT"), "=gpt"),
        (ClauseStartsWith(starts_with="a"), "^a"),
        (ClauseEndsWith(ends_with="z"), "$z"),
        (ClauseContains(contains="m"), "~m"),
        (ClauseRegex(regex="^a$"), "/^a$"),
        (ClauseOr(or_=[ClauseEquals(equals="a"), ClauseEquals(equals="b")]), ["=a", "=b"]),
        (ClauseAnd(and_=[ClauseEquals(equals="a"), ClauseContains(contains="b")]), {"all": ["=a", "~b"]}),
    ],
)
def test_patterns(clause: Any, made: Any) -> None:
    assert make_prices.match(clause) == made


def test_prices_that_are_over_are_left_out_and_those_to_come_kept() -> None:
    def at(price: int, day: int | None = None) -> ConditionalPrice:
        when = None if day is None else StartDateConstraint(start_date=TODAY + datetime.timedelta(days=day))
        return ConditionalPrice(when, prices=ModelPrice(input_mtok=Decimal(price)))

    assert make_prices.moments([at(1), at(2, -5)], TODAY) == {"input": 2}
    assert make_prices.moments([at(1), at(2, -5), at(3, 5)], TODAY) == [
        [None, {"input": 2}], [["from", "2026-12-01"], {"input": 3}],
    ]  # fmt: skip
    night = TimeOfDateConstraint(start_time=datetime.time(16, 30), end_time=datetime.time(0, 30))
    nightly = ConditionalPrice(night, prices=ModelPrice(input_mtok=Decimal(1)))
    assert make_prices.moments([at(2), nightly], TODAY)[1] == [["daily", "16:30", "00:30"], {"input": 1}]


def test_what_ships_was_made_by_it() -> None:
    """From the data of the version that is installed, on the day that it names."""
    import json

    shipped = json.loads(make_prices.PLACE.read_text(encoding="utf-8"))
    version = shipped["source"].split()[1].rstrip(",")
    from genai_prices import __version__
    from genai_prices.data import providers

    if version != __version__:
        pytest.skip("the lock has another version: python tools/make_prices.py makes the table anew")
    assert make_prices.table(providers, version, datetime.date.fromisoformat(shipped["date"])) == shipped
