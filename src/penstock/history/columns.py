"""The parts of many windows, added up by value and step. Pure.

Enters: the values of a dimension with their numbers, window by window. Leaves: the calls of each value, and the Totals
of those that are told. Windows in a row mostly have the same values in the same order, so whole columns are added: a
tenth of the work of adding number by number. Bounded: of more than MOST_KEPT values those that come later are told
together. May fail: ValueError for values that have not equally many numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import add

from penstock.core.windows import OTHER, Part
from penstock.history.measures import Totals

MOST_KEPT = 200
_PARTS = Part.__struct_fields__
Points = dict[float, Totals]


class Columns:
    """See the module. ``names``: of the columns that are added, ``calls`` among them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._places = [_PARTS.index(name) for name in names]
        self._calls = self._names.index("calls")
        self._steps: dict[float, dict[tuple[str, ...], list[Sequence[int]]]] = {}

    def add(self, at: float, values: Mapping[str, Sequence[int]]) -> None:
        """One window of the step that begins at ``at``."""
        if not values:
            return
        columns = list(zip(*values.values(), strict=True))
        if len(columns) < len(_PARTS):
            raise ValueError("numbers are missing")
        tables = self._steps.setdefault(at, {})
        names = tuple(values)
        had = tables.get(names)
        taken: list[Sequence[int]] = [columns[place] for place in self._places]
        if had is not None:
            taken = [list(map(add, one, other)) for one, other in zip(had, taken, strict=True)]
        tables[names] = taken

    def series(self, top: int) -> tuple[dict[str, int], dict[str, Points]]:
        """The calls of all values, and of the ``top`` with the most the sums by step."""
        calls: dict[str, int] = {}
        for names, column in self._counted().items():
            for name, number in zip(names, column, strict=True):
                kept = name if name in calls or len(calls) < MOST_KEPT else OTHER
                calls[kept] = calls.get(kept, 0) + number
        told: dict[str, Points] = {name: {} for name in sorted(calls, key=lambda name: (-calls[name], name))[:top]}
        wanted: dict[tuple[str, ...], list[tuple[int, Points]]] = {}
        for at, tables in self._steps.items():
            for names, columns in tables.items():
                rows = wanted.get(names)
                if rows is None:
                    kept_as = [name if name in calls else OTHER for name in names]
                    rows = wanted[names] = [(row, told[name]) for row, name in enumerate(kept_as) if name in told]
                for row, points in rows:
                    self._add(points, at, [column[row] for column in columns])
        return calls, told

    def _counted(self) -> dict[tuple[str, ...], Sequence[int]]:
        """The calls of all steps."""
        found: dict[tuple[str, ...], Sequence[int]] = {}
        for tables in self._steps.values():
            for names, columns in tables.items():
                had, more = found.get(names), columns[self._calls]
                found[names] = more if had is None else list(map(add, had, more))
        return found

    def _add(self, points: Points, at: float, row: list[int]) -> None:
        had = points.get(at)
        if had is None:
            points[at] = totals = Totals()
            totals.numbers = dict(zip(self._names, row, strict=True))
            return
        for name, number in zip(self._names, row, strict=True):
            had.numbers[name] += number

    def __repr__(self) -> str:
        return f"<Columns of {len(self._steps)} steps>"
