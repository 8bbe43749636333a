"""Columns of tables that have the same rows, added up by step. Pure.

Enters: tables, each of a step. Leaves: the numbers of each row, added to its curve. Whole columns are added as one
number: a twentieth of the work of adding number by number. May fail: ValueError for what is no such table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import add

from penstock.history.measures import Curve
from penstock.history.planes import numbers_in
from penstock.history.tables import Table


class Columns:
    """See the module. ``names``: of the columns; ``rows``: the curve of each row, None where nobody asks for it."""

    def __init__(self, names: Sequence[str], rows: Sequence[Curve | None]) -> None:
        self._names = names
        self._rows = rows
        self._steps: dict[int, list[int]] = {}

    def add(self, step: int, table: Table) -> None:
        """One more."""
        lanes = [table.lanes(name) for name in self._names]
        had = self._steps.get(step)
        self._steps[step] = lanes if had is None else list(map(add, had, lanes))

    def count(self) -> None:
        """Add the calls of all steps to those of the curves."""
        place = self._names.index("calls")
        calls = sum([lanes[place] for lanes in self._steps.values()])
        for curve, number in zip(self._rows, numbers_in(calls, len(self._rows)), strict=True):
            if curve is not None:
                curve.calls += number

    def pour(self, told: Mapping[Curve, Sequence[list[float]]]) -> None:
        """Add what there is to the columns, in the order of ``names``, of those curves that are told."""
        rows = [(row, told[curve]) for row, curve in enumerate(self._rows) if curve is not None and curve in told]
        for step, lanes in self._steps.items() if rows else ():
            for place, lane in enumerate(lanes):
                numbers = numbers_in(lane, len(self._rows))
                for row, columns in rows:
                    columns[place][step] += numbers[row]

    def __repr__(self) -> str:
        return f"<Columns {self._names} of {len(self._rows)} rows, {len(self._steps)} steps>"
