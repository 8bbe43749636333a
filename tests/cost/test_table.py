"""The table that ships says what the package that it was made from says."""

import datetime
import math
import random
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from genai_prices import calc_price
from genai_prices.data import providers
from genai_prices.types import Usage as TheirUsage

from penstock.cost.rates import MICRO, SCALE, Rates, Usage, worth
from penstock.cost.table import Schedule, Table

TEXT = files("penstock.cost").joinpath("prices.json").read_bytes()
TOKENS = {
    "input_mtok",
    "output_mtok",
    "cache_read_mtok",
    "cache_write_mtok",
    "output_reasoning_mtok",
    "requests_kcount",
}
TABLE = Table(TEXT)


def names(clause: Any) -> list[str]:
    """Names that fit a pattern of theirs, as far as it says one."""
    several = getattr(clause, "or_", None)
    if several is not None:
        return [name for one in several for name in names(one)]
    return [text for kind in ("equals", "starts_with", "contains") if (text := getattr(clause, kind, None))]


def all_models() -> list[tuple[str, str]]:
    return [(provider.id, name) for provider in providers for model in provider.models for name in names(model.match)]


def theirs(provider: str, model: str, usage: Usage, at: datetime.datetime) -> Decimal | None:
    """Dollars; None where they know no price for tokens."""
    said = TheirUsage(
        input_tokens=usage.prompt,
        output_tokens=usage.answer,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.written,
        output_reasoning_tokens=usage.reasoning,
    )
    told = calc_price(said, model, provider_id=provider, genai_request_timestamp=at)
    priced = {name for name, value in vars(told.model_price).items() if value is not None}
    return told.total_price if priced & {*TOKENS, "requests_kcount"} else None


def made(models: bytes) -> Table:
    """A table of one provider ``p``, and of ``q`` without models."""
    start = b'{"source": "", "date": "", "providers": {"q": {"api": "y", "models": []}, "p": {"api": "x", "models": ['
    return Table(start + models + b"]}}}")


def moment(rng: random.Random) -> datetime.datetime:
    start = datetime.datetime.fromisoformat(TABLE.date).replace(tzinfo=datetime.UTC)
    return start + datetime.timedelta(minutes=rng.randrange(400 * 1440))


def test_it_gives_the_same_price_for_models_and_usages() -> None:
    """Each name that a pattern of theirs says, at moments of the year that follows, with usages on both sides of the
    lengths from which on other prices hold; others in each run."""
    rng = random.Random()
    compared = tiered = 0
    for provider, model in all_models():
        schedule = TABLE.find(provider, model)
        for _ in range(2):
            prompt = rng.choice([0, 1, 999, 128_000, 200_000, 200_001, 272_001, 1_000_000])
            cached = rng.randint(0, prompt)
            written = rng.randint(0, prompt - cached)
            answer = rng.choice([0, 1, 500, 100_000])
            usage = Usage(prompt, answer, cached, written, rng.randint(0, answer), 1)
            at = moment(rng)
            expected = theirs(provider, model, usage, at)
            if expected is None or schedule is None:
                assert (expected is None) == (schedule is None), (provider, model)
                continue
            told = Decimal(worth(schedule.at(at.timestamp()), usage)) / SCALE / MICRO
            doubt = Decimal(prompt + answer) / 2 / SCALE / MICRO  # their prices with more digits than ours
            assert abs(told - expected) <= doubt, (provider, model, usage, told, expected)
            compared += 1
            tiered += bool(schedule.at(at.timestamp()).tiers)
    assert compared > 4000
    assert tiered > 200


def test_names_with_dates_are_found_as_they_are_elsewhere() -> None:
    plain = TABLE.find("openai", "gpt-4o-2024-08-06")
    assert plain is not None
    compact = TABLE.find("openai", "gpt-4o-20240806")
    assert compact is not None
    assert compact.rates == plain.rates
    assert TABLE.find("openai", "GPT-4o") is not None
    assert TABLE.find("openai", "x-20240231") is None


def test_whose_api_it_is_follows_from_its_address() -> None:
    assert TABLE.provider_of("https://api.openai.com/v1") == "openai"
    assert TABLE.provider_of("https://api.groq.com/openai/v1") == "groq"
    assert TABLE.provider_of("http://127.0.0.1:8000/v1") is None
    assert TABLE.provider_of("https://example.com/?https://api.openai.com") is None


def test_a_cloud_has_the_models_of_others_at_their_prices() -> None:
    here, there = TABLE.find("azure", "claude-3-opus"), TABLE.find("anthropic", "claude-3-opus")
    assert here is not None
    assert there is not None
    assert here.rates == there.rates


@pytest.mark.parametrize("model", ["", "nobody", "gpt", "gpt-4o" * 10_000, "\0", "=HYPERLINK(1)"])
def test_what_it_does_not_know_has_no_price(model: str) -> None:
    assert TABLE.find("openai", model) is None
    assert TABLE.find("nobody", model) is None


def test_of_several_patterns_that_fit_the_first_counts() -> None:
    table = made(
        b'["=a-b", {"input": 1}], ["^a", {"input": 2}], [["$z", {"all": ["~q", "/^m\\\\d"]}], {"input": 3}],'
        b'["=none", null], ["^n", {"input": 4}]'
    )

    def price(name: str) -> int | None:
        found = table.find("p", name)
        return None if found is None else found.rates.input // SCALE

    assert [price(name) for name in ("a-b", "a-c", "xz", "m1q", "mq", "none", "nn")] == [1, 2, 3, 3, None, None, 4]


def test_prices_may_hold_for_hours_of_the_day_or_from_a_day_on() -> None:
    schedule = Schedule([
        [None, {"input": 1}], [["from", "2027-01-01"], {"input": 2}], [["daily", "16:30", "00:30"], {"input": 3}],
    ])  # fmt: skip

    def at(text: str) -> int:
        return schedule.at(datetime.datetime.fromisoformat(text + "+00:00").timestamp()).input // SCALE

    told = [at("2026-12-31T12:00"), at("2027-01-01T12:00"), at("2027-01-01T16:30"), at("2027-01-01T00:29")]
    assert told == [1, 2, 3, 3]
    assert at("2027-01-01T00:30") == 2
    assert not schedule.is_steady


def test_a_guess_is_in_the_middle_of_the_providers_prices() -> None:
    table = made(
        b'["=a", {"input": 1, "output": 9}], ["=b", {"input": 2, "output": 4}], ["=c", {"input": 5, "output": 5}],'
        b'["=d", {}]'
    )
    assert table.median("p") == Rates(2 * SCALE, 5 * SCALE, 2 * SCALE, 2 * SCALE, 5 * SCALE)
    assert table.median("q") is None
    assert table.median("nobody") is None


def test_a_text_that_is_no_table_is_refused() -> None:
    with pytest.raises(ValueError):
        Table(b'{"providers": 1}')


def test_it_is_small_and_says_where_it_is_from() -> None:
    assert len(TEXT) < 400_000
    assert "genai-prices" in TABLE.source
    assert "MIT" in TABLE.source
    assert not math.isnan(datetime.date.fromisoformat(TABLE.date).toordinal())
