"""Quantities as people write them: durations, sizes, money, seats. Pure.

Enters: what stands in a config file (``250ms``, ``64KiB``, ``$0.25``). Leaves: float seconds, int bytes, int
micro-dollars, and back to text. May fail: ValueError with a sentence that says what would be accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

_SECONDS_PER = {
    "us": Decimal("0.000001"),
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_BYTES_PER = {
    "b": 1,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}
_DURATION_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,40})?)(us|ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,18})?)\s?([kmgt]i?b|b)?", re.ASCII | re.IGNORECASE)
_MONEY = re.compile(r"\$?([0-9]{1,12}(?:\.[0-9]{1,18})?)", re.ASCII)
_SEATS = re.compile(r"[0-9]{1,7}", re.ASCII)
_LONGEST_TEXT = 64
MICRO = 1_000_000
"""Micro-dollars in a dollar."""


def parse_duration(text: str) -> float:
    """Seconds in ``250ms``, ``30s``, ``1h30m``, ``0``. A bare number other than 0 has no unit and is refused."""
    plain = text.strip()
    if plain == "0":
        return 0.0
    if len(plain) > _LONGEST_TEXT or not _DURATION.fullmatch(plain):
        raise ValueError("a duration is a number with a unit, such as 250ms, 30s, 5m, 1h or 2d")
    total = sum((Decimal(number) * _SECONDS_PER[unit] for number, unit in _DURATION_PART.findall(plain)), Decimal(0))
    return float(total)


def format_duration(seconds: float) -> str:
    """The shortest exact text for ``seconds``; ``parse_duration`` gives the same number back."""
    exact = Decimal(repr(float(seconds)))
    if exact == 0:
        return "0s"
    for unit in ("h", "m"):
        if exact % _SECONDS_PER[unit] == 0:
            return f"{int(exact / _SECONDS_PER[unit])}{unit}"
    if exact < 1 and exact % _SECONDS_PER["ms"] == 0:
        return f"{int(exact * 1000)}ms"
    return f"{exact.to_integral_value() if exact == exact.to_integral_value() else exact:f}s"


def parse_size(text: str) -> int:
    """Bytes in ``64KiB`` (1024), ``64KB`` (1000), ``512B`` or a bare number of bytes."""
    match = _SIZE.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise ValueError("a size is a number with a unit, such as 512B, 64KiB, 32MiB or 1GiB")
    size = Fraction(match[1]) * _BYTES_PER[(match[2] or "b").lower()]
    if size.denominator != 1:
        raise ValueError("a size must come out as a whole number of bytes")
    return size.numerator


def format_size(size: int) -> str:
    """The largest binary unit that divides ``size`` bytes evenly."""
    for unit, factor in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"


def parse_money(text: str) -> int:
    """Micro-dollars in ``0.25``, ``$12`` or ``3``."""
    match = _MONEY.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise ValueError("an amount of money is in dollars, such as 0.25 or 12")
    amount = Fraction(match[1]) * MICRO
    if amount.denominator != 1:
        raise ValueError("money is counted in millionths of a dollar: at most six decimals")
    return amount.numerator


def format_money(micro_dollars: int) -> str:
    """Dollars with two to six decimals."""
    whole, rest = divmod(micro_dollars, MICRO)
    decimals = f"{rest:06d}".rstrip("0")
    return f"{whole}.{decimals:0<2}"


ADAPTIVE = -1
"""A number of seats that is found out by what they do to the time of calls."""


def parse_seats(text: str) -> int:
    """A number of calls at once, ``64``, or ``adaptive``."""
    plain = text.strip()
    if plain == "adaptive":
        return ADAPTIVE
    if not _SEATS.fullmatch(plain) or not int(plain):
        raise ValueError("a number of calls is a whole one from 1 on, such as 64, or adaptive")
    return int(plain)


def format_seats(seats: float) -> str:
    """The same as text."""
    return "adaptive" if seats == ADAPTIVE else str(int(seats))


@dataclass(frozen=True, slots=True)
class Unit:
    """Marks a number in a config struct as a quantity: how it is read and written."""

    name: str
    parse: Callable[[str], float]
    format: Callable[[Any], str]


Seconds = Annotated[float, Unit("duration", parse_duration, format_duration)]
Bytes = Annotated[int, Unit("size", parse_size, format_size)]
Seats = Annotated[int, Unit("number of calls, or `adaptive`", parse_seats, format_seats)]
Dollars = Annotated[int, Unit("dollars", parse_money, format_money)]
