"""Percentiles, medians and tables. Pure: numbers in, numbers or text out; an empty series gives NaN, never an error."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

Row = Mapping[str, str]
T = TypeVar("T")


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of a series that is already sorted."""
    if not ordered:
        return math.nan
    rank = math.ceil(len(ordered) * percent / 100)
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def median(values: Iterable[float]) -> float:
    """The median of what was measured; NaN for nothing."""
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else math.nan


def ratio(value: float, base: float | None) -> float:
    """``value`` in units of ``base``; NaN when there is nothing to compare with."""
    return value / base if base else math.nan


def number(value: float, digits: int = 1) -> str:
    """A figure for a table: grouped thousands, a dash for what was not measured."""
    return "–" if math.isnan(value) else f"{value:,.{digits}f}"


def span(values: Iterable[float], digits: int = 1) -> str:
    """The lowest and highest of a series, as ``low–high``."""
    known = [value for value in values if not math.isnan(value)]
    return f"{number(min(known), digits)}–{number(max(known), digits)}" if known else "–"


def rotated(items: Sequence[T], turns: int) -> list[T]:
    """The same items begun further along, so that no proxy is always first."""
    if not items:
        return []
    start = turns % len(items)
    return [*items[start:], *items[:start]]


def table(rows: Sequence[Row]) -> str:
    """A Markdown table, aligned so that it also reads well in a terminal; the first column left, the others right."""
    if not rows:
        return "(nothing measured)"
    names = list(rows[0])
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    first = names[0]

    def line(cells: Mapping[str, str]) -> str:
        padded = (cells[n].ljust(widths[n]) if n == first else cells[n].rjust(widths[n]) for n in names)
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (widths[n] + 1) + (":" if n != first else "-") for n in names) + "|"
    return "\n".join([line({name: name for name in names}), rule, *(line(row) for row in rows)])
