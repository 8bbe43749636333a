"""What the dumps of several workers say together: their numbers added up. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Dumps = Sequence[Mapping[str, Any]]


def numbers(dumps: Dumps) -> Counter[str]:
    """All plain numbers, by name."""
    sums: Counter[str] = Counter()
    for dump in dumps:
        sums.update({name: value for name, value in dump.items() if isinstance(value, int | float)})
    return sums


def by_name(dumps: Dumps, field: str) -> Counter[str]:
    """A table of numbers by name."""
    sums: Counter[str] = Counter()
    for dump in dumps:
        sums.update(dump[field])
    return sums


def by_pair(dumps: Dumps, field: str) -> Counter[tuple[str, str]]:
    """A list of rows, each two names and a number."""
    sums: Counter[tuple[str, str]] = Counter()
    for dump in dumps:
        rows: Iterable[tuple[str, str, int]] = dump[field]
        for first, second, number in rows:
            sums[first, second] += number
    return sums
