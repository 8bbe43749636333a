"""What is charged for tokens and calls, and what a usage costs by it: whole numbers, so that nothing is lost. Pure.

Enters: prices in dollars as people write them. Leaves: Rates; amounts in *parts*, of which SCALE make a micro-dollar.
May fail: ValueError for a price that is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

SCALE = 10**9
"""Parts of a micro-dollar: a dollar for a million tokens is as many of them for one token."""
MICRO = 10**6
THOUSAND = 1000


class Rates(NamedTuple):
    """Parts for a token (``request``: for a call). ``input`` is for prompt tokens that are neither read from the
    provider's cache (``cached``) nor written to it (``cache_write``), ``output`` for answer tokens that are not
    ``reasoning``. ``tiers``: from more prompt tokens than so many on, other rates hold for all tokens; the highest
    first."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    request: int = 0
    tiers: tuple[tuple[int, Rates], ...] = ()

    @property
    def is_free(self) -> bool:
        """Whether nothing is ever charged."""
        return not any(self)


class Usage(NamedTuple):
    """What one attempt used. ``cached`` and ``written`` are part of ``prompt``, ``reasoning`` is part of ``answer``."""

    prompt: int = 0
    answer: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    calls: int = 1


FREE = Rates()
NOTHING = Usage(calls=0)


def worth(rates: Rates, usage: Usage) -> int:
    """What ``usage`` costs, in parts. Parts of a count that are more than the whole count as the whole."""
    prompt, answer, cached, written, reasoning, calls = usage
    if rates.tiers:
        rates = at_length(rates, prompt)
    total = prompt * rates.input + answer * rates.output
    if cached:
        cached = min(cached, prompt)
        total += cached * (rates.cached - rates.input)
    if written:
        total += min(written, prompt - cached) * (rates.cache_write - rates.input)
    if reasoning:
        total += min(reasoning, answer) * (rates.reasoning - rates.output)
    return total + calls * rates.request


def at_length(rates: Rates, prompt: int) -> Rates:
    """Those that hold for a prompt of so many tokens."""
    for start, tier in rates.tiers:
        if prompt > start:
            return tier
    return rates


def spared_by_cache(rates: Rates, usage: Usage) -> int:
    """What more it would cost, in parts, had the provider's own cache not been read (nor written)."""
    return max(0, worth(rates, usage._replace(cached=0, written=0)) - worth(rates, usage))


def parts(dollars: Any) -> int:
    """A price in dollars (for a million tokens) as parts (for one). Raises ValueError for what is no amount."""
    amount = Decimal(str(dollars)) if not isinstance(dollars, Decimal) else dollars
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{dollars} is no price")
    return int((amount * SCALE).to_integral_value(ROUND_HALF_UP))


def rates_of(said: Mapping[str, Any], per_request: int = 1) -> Rates:
    """Rates as the table of prices or the config says them: dollars for a million tokens, ``request`` for so many
    calls; a price may be ``[base, [from, price], …]``. What is not said of cached and written tokens is ``input``, of
    reasoning ``output``. Raises ValueError."""
    starts = sorted({tier[0] for price in said.values() if isinstance(price, Sequence) for tier in price[1:]})
    tiers = tuple((start, _flat(said, start + 1, per_request)) for start in reversed(starts))
    return _flat(said, 0, per_request)._replace(tiers=tiers)


def _flat(said: Mapping[str, Any], prompt: int, per_request: int) -> Rates:
    def price(name: str, otherwise: int = 0) -> int:
        one = said.get(name)
        if one is None:
            return otherwise
        if isinstance(one, Sequence):
            one = next((tier[1] for tier in reversed(one[1:]) if prompt > tier[0]), one[0])
        return parts(one)

    into, out = price("input"), price("output")
    request = said.get("request")
    each = 0 if request is None else parts(Decimal(str(request)) * MICRO / per_request)
    return Rates(into, out, price("cached", into), price("cache_write", into), price("reasoning", out), each)
