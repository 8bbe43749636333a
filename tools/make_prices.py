"""Writes the table of prices that ships: ``python tools/make_prices.py``.

Enters: the data that the package genai-prices (MIT licence, extra ``dev``) carries. Leaves:
src/penstock/cost/prices.json: what is charged for tokens and requests, by provider and model, with its origin and date.
Prices of other things (pictures, audio, searches) are left out: no answer tells how many there were. Fails with an
AssertionError where the package says something that this table cannot.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from declared import ROOT

PLACE = ROOT / "src/penstock/cost/prices.json"
MOST_BYTES = 400_000
NAMES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "cache_write",
    "output_reasoning_mtok": "reasoning",
    "requests_kcount": "request",
}
_DECIMALS = 9


def number(value: Decimal) -> float | int:
    """``value`` as JSON has it: to the billionth of a micro-dollar a token, which is what is counted in."""
    plain = round(value, _DECIMALS)
    made = int(plain) if plain == int(plain) else float(plain)
    assert Decimal(str(made)) == plain, value
    return made


def price(value: Any) -> Any:
    """A price, or ``[base, [from so many prompt tokens on, price], …]``."""
    if isinstance(value, Decimal):
        return number(value)
    return [number(value.base), *([tier.start, number(tier.price)] for tier in value.tiers)]


def prices(found: Any) -> dict[str, Any]:
    """What is charged for tokens and requests."""
    return {name: price(value) for key, name in NAMES.items() if (value := getattr(found, key, None)) is not None}


def moments(found: Any, today: datetime.date) -> Any:
    """Prices now; with a time of day or a coming day at which others hold, ``[[when or null, prices], …]``: the last
    that holds counts."""
    if not isinstance(found, list):
        return prices(found)
    made: list[Any] = []
    for one in found:
        when, known = one.constraint, prices(one.prices)
        start = getattr(when, "start_date", None)
        if when is None or (start is not None and start <= today):
            made = [[None, known]]  # hides all before it
        elif start is not None:
            made.append([["from", start.isoformat()], known])
        else:
            made.append([["daily", *(f"{at:%H:%M}" for at in (when.start_time, when.end_time))], known])
            assert not (when.start_time.tzinfo and when.start_time.utcoffset())
    return made[0][1] if len(made) == 1 and made[0][0] is None else made


def match(clause: Any) -> Any:
    """A pattern of names: "=equal", "^beginning", "$end", "~within", "/regular expression"; a list of which one fits;
    {"all": [...]}."""
    kind = type(clause).__name__
    if kind == "ClauseOr":
        return [match(one) for one in clause.or_]
    if kind == "ClauseAnd":
        return {"all": [match(one) for one in clause.and_]}
    if kind == "ClauseRegex":
        re.compile(clause.regex)
        return f"/{clause.regex}"
    mark, text = {
        "ClauseEquals": ("=", "equals"),
        "ClauseStartsWith": ("^", "starts_with"),
        "ClauseEndsWith": ("$", "ends_with"),
        "ClauseContains": ("~", "contains"),
    }[kind]
    return mark + getattr(clause, text).lower()


def table(providers: Any, version: str, today: datetime.date) -> dict[str, Any]:
    """All of it."""
    made: dict[str, Any] = {}
    for provider in providers:
        models = []
        for model in provider.models:
            known = moments(model.prices, today)
            models.append([match(model.match), known or None])  # a name without a price hides those after it
        made[provider.id] = {"api": provider.api_pattern, "models": models}
        if provider.fallback_model_providers:
            made[provider.id]["also"] = provider.fallback_model_providers
    return {
        "source": f"genai-prices {version}, © Pydantic Services Inc. and its contributors, MIT licence",
        "dollars_per": "million tokens; request: thousand requests",
        "date": today.isoformat(),
        "providers": made,
    }


def main() -> int:
    from genai_prices.data import providers

    made = table(providers, importlib.metadata.version("genai-prices"), datetime.datetime.now(datetime.UTC).date())
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    text = text.replace('],["', '],\n["').replace("},[[", "},\n[[").replace('},"', '},\n"') + "\n"
    assert json.loads(text) == made
    assert len(text.encode()) < MOST_BYTES, len(text)
    Path(PLACE).write_text(text, encoding="utf-8")
    models = sum(len(provider["models"]) for provider in made["providers"].values())
    print(f"{PLACE.relative_to(ROOT)}: {len(text.encode())} bytes, {models} models")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
