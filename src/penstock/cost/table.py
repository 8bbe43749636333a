"""The table of prices that ships (``prices.json``, by ``tools/make_prices.py``): found by provider and model. Pure.

Enters: its text; the address of an upstream, a model's name there. Leaves: when which Rates hold. The first model of a
provider whose pattern fits counts, as in the data that it was made from. May fail: ValueError for a text that is none.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from statistics import median_low
from typing import Any

import msgspec

from penstock.cost.rates import FREE, THOUSAND, Rates, rates_of

DAY = 86_400
_COMPACT_DATE = re.compile(r"(-)(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")
Fits = Callable[[str], bool]


class _Provider(msgspec.Struct):
    api: str
    models: list[tuple[Any, Any]]
    also: list[str] = []


class _Text(msgspec.Struct):
    source: str
    date: str
    providers: dict[str, _Provider]


class Schedule:
    """Which rates hold when: ``rates`` at most times, others in some hours or from some day on."""

    __slots__ = ("_spans", "rates")

    def __init__(self, said: Any) -> None:
        spans = said if isinstance(said, list) else [[None, said]]
        self._spans = [(when, rates_of(prices, THOUSAND)) for when, prices in spans]
        self.rates = self._spans[0][1]

    @property
    def is_steady(self) -> bool:
        """Whether the same rates hold at all times."""
        return len(self._spans) == 1

    def at(self, wall: float) -> Rates:
        """The rates at the Unix time ``wall``: of those that hold then, the last."""
        return next((rates for when, rates in reversed(self._spans) if _holds(when, wall)), self.rates)

    def __repr__(self) -> str:
        return f"<Schedule {len(self._spans)} spans>"


class Table:
    """See the module. Patterns of a provider are made when it is first asked for."""

    def __init__(self, text: bytes) -> None:
        read = msgspec.json.decode(text, type=_Text)
        self.source = read.source
        self.date = read.date
        self._providers = read.providers
        self._models: dict[str, list[tuple[Fits, Any]]] = {}
        self._medians: dict[str, Rates | None] = {}

    def provider_of(self, url: str) -> str | None:
        """Whose API stands at ``url``."""
        return next((name for name, one in self._providers.items() if re.match(one.api, url)), None)

    def find(self, provider: str, model: str) -> Schedule | None:
        """What ``provider`` charges for ``model``; None where the table does not say."""
        name = model.lower()
        said = self._said(provider, name)
        if said is None:
            dated = _COMPACT_DATE.sub(_with_dashes, name)
            said = None if dated == name else self._said(provider, dated)
        return None if said is None or said[0] is None else Schedule(said[0])

    def median(self, provider: str) -> Rates | None:
        """In the middle of what ``provider`` charges for its models, price by price; None for an unknown one."""
        if provider not in self._medians:
            known = self._providers.get(provider)
            found = [] if known is None else [Schedule(said).rates for _, said in known.models if said is not None]
            paid = [rates for rates in found if not rates.is_free]
            self._medians[provider] = _middle(paid) if paid else None
        return self._medians[provider]

    def _said(self, provider: str, name: str) -> tuple[Any] | None:
        known = self._providers.get(provider)
        if known is None:
            return None
        for one in (provider, *known.also):
            for fits, said in self._patterns(one):
                if fits(name):
                    return (said,)
        return None

    def _patterns(self, provider: str) -> list[tuple[Fits, Any]]:
        made = self._models.get(provider)
        if made is None:
            known = self._providers.get(provider)
            made = self._models[provider] = [(_fits(clause), said) for clause, said in (known.models if known else ())]
        return made

    def __repr__(self) -> str:
        return f"<Table of {self.date}, {len(self._providers)} providers>"


def _middle(paid: Sequence[Rates]) -> Rates:
    return FREE._replace(
        **{name: median_low(getattr(rates, name) for rates in paid) for name in Rates._fields if name != "tiers"}
    )


def _fits(clause: Any) -> Fits:
    if isinstance(clause, list):
        several = [_fits(one) for one in clause]
        return lambda name: any(fits(name) for fits in several)
    if isinstance(clause, dict):
        needed = [_fits(one) for one in clause["all"]]
        return lambda name: all(fits(name) for fits in needed)
    mark, text = clause[0], clause[1:]
    if mark == "/":
        pattern = re.compile(text)
        return lambda name: pattern.search(name) is not None
    made: dict[str, Fits] = {
        "=": lambda name: name == text,
        "^": lambda name: name.startswith(text),
        "$": lambda name: name.endswith(text),
        "~": lambda name: text in name,
    }
    return made[mark]


def _holds(when: Any, wall: float) -> bool:
    if when is None:
        return True
    if when[0] == "from":
        return wall >= datetime.datetime.fromisoformat(when[1]).replace(tzinfo=datetime.UTC).timestamp()
    start, end = (_minutes(text) for text in when[1:])
    minute = wall % DAY / 60
    return start <= minute < end if start <= end else minute >= start or minute < end


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    return 60 * int(hour) + int(minute)


def _with_dashes(match: re.Match[str]) -> str:
    year, month, day = match[2], match[3], match[4]
    try:
        datetime.date(int(year), int(month), int(day))
    except ValueError:
        return match[0]
    return f"-{year}-{month}-{day}"
