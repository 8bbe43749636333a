"""Calls added up by each value of each dimension. Pure.

Enters: calls put together by what they have in common. Leaves: parts by dimension, then by value. Most calls share all
their values with others: they are added up by these first, then once for each dimension. Numbers in plain attributes
and loops: compiled, that takes a third of the time of adding columns up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from penstock.core.finished import FAILED
from penstock.core.sheaves import HITS, Sheaf
from penstock.core.windows import DIMENSIONS, PROMPT_BANDS, Part

_BANDS: Final[tuple[str, ...]] = (*map(str, PROMPT_BANDS), "more")
_Values = tuple[str, str, str, str, int]
_Call = tuple[str, str, str, str, int, float, float, int, int, int]


class Sums:
    """A Part that is being added up."""

    __slots__ = ("calls", "cost", "failed", "first_byte", "hits", "saved", "tokens_in", "tokens_out", "total")

    def __init__(self) -> None:
        self.calls = self.failed = self.tokens_in = self.tokens_out = self.hits = self.cost = self.saved = 0
        self.total = self.first_byte = 0.0

    def add(self, other: Sums) -> None:
        """Count the calls of ``other``, too."""
        self.calls += other.calls
        self.failed += other.failed
        self.total += other.total
        self.first_byte += other.first_byte
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.hits += other.hits
        self.cost += other.cost
        self.saved += other.saved

    def part(self) -> Part:
        """As it is kept."""
        return Part(
            self.calls, self.failed, self.total, self.first_byte, self.tokens_in, self.tokens_out, self.hits,
            self.cost, self.saved,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Sums of {self.calls} calls>"


def divided(those: Sequence[Sheaf]) -> dict[str, dict[str, Part]]:
    """The calls of ``those`` by dimension and value; what has no value of a dimension is not in it."""
    alike: dict[_Values, Sums] = {}
    for sheaf in those:
        _add_up(sheaf, alike)
    by: list[dict[str, Sums]] = [{} for _ in DIMENSIONS]
    for (key, tag, error, cache, band), sums in alike.items():
        if cache in HITS:
            sums.hits = sums.calls
        for values, value in zip(by, (key, tag, _BANDS[band], error, cache), strict=True):
            if not value:
                continue
            if value not in values:
                values[value] = Sums()
            values[value].add(sums)
    return {
        name: {value: sums.part() for value, sums in values.items()}
        for name, values in zip(DIMENSIONS, by, strict=True)
        if values
    }


def _add_up(sheaf: Sheaf, alike: dict[_Values, Sums]) -> None:
    columns = sheaf.columns
    failed = 1 if sheaf.fault in FAILED else 0
    calls: Iterable[_Call] = zip(
        columns.key, columns.tags, columns.error, columns.cache, columns.tokens_in, columns.total, columns.first_byte,
        columns.tokens_out, columns.cost, columns.saved, strict=True,
    )  # fmt: skip
    for key, tag, error, cache, asked, total, first_byte, said, cost, saved in calls:
        band = 0
        for bound in PROMPT_BANDS:
            if asked <= bound:
                break
            band += 1
        values = (key, tag, error, cache, band)
        sums = alike.get(values)
        if sums is None:
            sums = alike[values] = Sums()
        sums.calls += 1
        sums.failed += failed
        sums.total += total
        sums.first_byte += first_byte
        sums.tokens_in += asked
        sums.tokens_out += said
        sums.cost += cost
        sums.saved += saved
