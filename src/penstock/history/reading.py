"""Windows folded into the series that a question asks for. Pure.

Enters: windows, packed, in any order, each with the number of the host that it is of. Leaves: the answer as plain
values. Where nothing is known of a step its points are None; where no call fell into it, rates are 0. Bounded: of more
than MOST_KEPT series those that come later are told together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from penstock.core.windows import GAUGES, OTHER, worse
from penstock.history.asking import Question
from penstock.history.columns import Columns
from penstock.history.measures import Curve, Points
from penstock.history.packing import HEAD, MICRO, REST, Name, Packed
from penstock.history.planes import Pile, pile_of, together

PLACES = ("operation", "model", "upstream")
"""In the name of a row."""
MOST_KEPT = 200
ROOM = "room"


class _Laid(NamedTuple):
    """What is asked for of a table of groups: its columns, and by sketch its rows with the piles of their curves."""

    own: bool
    columns: Columns
    piles: dict[str, list[tuple[int, list[Pile]]]]


class Fold:
    """Adds up what a question asks for; then ``series``, once, tells it. ``wanted``: the columns that it reads."""

    def __init__(self, question: Question) -> None:
        self._question = question
        measures = question.measures.values()
        self._names = sorted({"calls", *(column for measure in measures for column in measure.columns)})
        self._sketches = sorted({measure.sketch for measure in measures if measure.sketch})
        self._asks_rest = any(measure.of != "calls" for measure in measures)
        more = [REST] if self._asks_rest or question.dimension == ROOM else [question.dimension or HEAD]
        self.wanted = tuple(dict.fromkeys([HEAD, *self._sketches, *more]))
        self._seconds = [0.0] * len(question.times)
        self._known: dict[int, dict[int, float]] = {}
        self._gauges: dict[int, dict[int, _Gauges]] = {}
        self._calls = [0] * len(question.times)
        """Of all rooms."""
        self._curves: dict[str, Curve] = {}
        self._columns: dict[bytes, Columns] = {}
        self._layouts: dict[tuple[bytes, bytes], list[_Laid]] = {}
        if not question.by and not question.dimension:
            self._curve("")

    def add(self, packed: Packed, host: int) -> None:
        """One more window. Raises ValueError for one that cannot be read."""
        question = self._question
        if not question.since <= packed.start < question.until:
            return
        step = int((packed.start - question.since) // question.plan.step)
        if question.dimension == ROOM:
            self._add_rooms(step, packed)
        elif question.dimension:
            self._add_parts(step, packed)
        else:
            self._add_rows(step, packed)
        if self._asks_rest:
            self._add_rest(step, packed, host)
        known = self._known.setdefault(step, {})
        known[host] = known.get(host, 0.0) + packed.known

    def _curve(self, series: str) -> Curve:
        kept = series if series in self._curves or len(self._curves) < MOST_KEPT else OTHER
        curve = self._curves.get(kept)
        if curve is None:
            curve = self._curves[kept] = Curve(self._seconds)
        return curve

    def _add_parts(self, step: int, packed: Packed) -> None:
        table = packed.parts(self._question.dimension)
        columns = self._columns.get(table.stored_names)
        if columns is None:
            columns = Columns(self._names, [self._curve(name) for name in table.names])
            self._columns[table.stored_names] = columns
        columns.add(step, table)

    def _add_rows(self, step: int, packed: Packed) -> None:
        for own, columns, piles in self._laid(packed):
            columns.add(step, packed.own if own else packed.shared)
            for name, rows in piles.items():
                sketches = packed.sketches(name, own=own)
                for row, pile in rows:
                    pile[step] = together(pile[step], pile_of(sketches[row]))

    def _laid(self, packed: Packed) -> list[_Laid]:
        """Which rows are asked for. Windows in a row mostly have the same: it is looked for once."""
        key = (packed.shared.stored_names, packed.own.stored_names)
        laid = self._layouts.get(key)
        if laid is None:
            laid = self._layouts[key] = []
            tables = (packed.shared.names, packed.own.names)
            chosen = list(chosen_rows(self._question, *tables))
            for own in (False, True):
                curves = {row: self._curve(series) for series, table, row in chosen if table == own}
                if curves:
                    columns = Columns(self._names, [curves.get(row) for row in range(len(tables[own]))])
                    piles = {name: [(row, one.piles(name)) for row, one in curves.items()] for name in self._sketches}
                    laid.append(_Laid(own, columns, piles))
        return laid

    def _add_rooms(self, step: int, packed: Packed) -> None:
        for room, seconds in packed.rest.waits.items():
            self._curve(room).column("wait")[step] += seconds * MICRO
        self._calls[step] += sum(packed.own.numbers("calls"))

    def _add_rest(self, step: int, packed: Packed, host: int) -> None:
        rest = packed.rest
        gauges = self._gauges.setdefault(step, {}).setdefault(host, _Gauges())
        gauges.add(rest.gauges, rest.peaks or rest.gauges, packed.known)
        curve = self._curve("")
        for number, score in rest.feedback.values():
            curve.column("scores")[step] += number
            curve.column("score")[step] += score

    def series(self) -> Iterator[dict[str, Any]]:
        """Once all windows are added, those that are told, one after the other: each takes a few milliseconds."""
        question = self._question
        self._settle()
        by_wait = question.dimension == ROOM
        rank = {name: sum(one["wait"]) if by_wait else one.calls for name, one in self._curves.items()}
        names = sorted(self._curves, key=lambda name: (-rank[name], name))[: question.top]
        curves = [self._curves[name] for name in names]
        told = {curve: [curve.column(name) for name in self._names] for curve in curves}
        for columns in self._all():
            columns.pour(told)
        for name, curve in zip(names, curves, strict=True):
            yield {"name": name, "calls": curve.calls, "points": self._points(curve)}

    def answer(self, series: list[dict[str, Any]]) -> dict[str, Any]:
        """With these series, all that is told."""
        question = self._question
        return {
            "since": question.since,
            "until": question.until,
            "step": question.plan.step,
            "read": question.plan.tier.name,
            "by": question.by or question.dimension,
            "measures": {
                name: {"unit": measure.unit, "meaning": measure.meaning} for name, measure in question.measures.items()
            },
            "times": question.times,
            "series": series,
            "left_out": len(self._curves) - len(series),
        }

    def _all(self) -> Iterator[Columns]:
        yield from self._columns.values()
        for laid in self._layouts.values():
            yield from (one.columns for one in laid)

    def _settle(self) -> None:
        """What can be told only of all windows together."""
        for step, known in self._known.items():
            self._seconds[step] = max(known.values())
        for columns in self._all():
            columns.count()
        for step, hosts in self._gauges.items():
            for name, value in _both(hosts.values()).items():
                self._curve("").gauges.setdefault(name, [None] * len(self._seconds))[step] = value
        for curve in self._curves.values() if self._question.dimension == ROOM else ():
            curve.numbers["calls"] = list(self._calls)
            curve.calls = sum(self._calls)

    def _points(self, curve: Curve) -> dict[str, list[float | None]]:
        return {name: self._told(measure.value(curve)) for name, measure in self._question.measures.items()}

    def _told(self, points: Points) -> list[float | None]:
        return [
            None if value is None or not seconds else float(f"{value:.6g}")
            for value, seconds in zip(points, self._seconds, strict=True)
        ]

    def __repr__(self) -> str:
        return f"<Fold of {len(self._known)} steps, {len(self._curves)} series>"


class _Gauges:
    """Of one host in one step."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._stood: dict[str, float] = {}
        self.peaks: dict[str, float] = {}

    def add(self, gauges: dict[str, float], peaks: dict[str, float], known: float) -> None:
        for name, reading in gauges.items():
            self._sums[name] = self._sums.get(name, 0.0) + reading * known
            self._stood[name] = self._stood.get(name, 0.0) + known
        for name, reading in peaks.items():
            had = self.peaks.get(name)
            pick = min if GAUGES.get(name) == "min" else max
            self.peaks[name] = reading if had is None else pick(had, reading)

    def means(self) -> Iterator[tuple[str, float]]:
        for name, total in self._sums.items():
            yield name, total / self._stood[name]


def _both(hosts: Iterable[_Gauges]) -> dict[str, Any]:
    """The gauges of hosts that stood at the same time, and under ``<name>_peak`` the worst of each."""
    found: dict[str, float] = {}
    for host in hosts:
        for name, reading in host.means():
            found[name] = worse(name, found.get(name), reading)
        for name, reading in host.peaks.items():
            found[f"{name}_peak"] = worse(name, found.get(f"{name}_peak"), reading)
    return found


def chosen_rows(question: Question, shared: list[Name], own: list[Name]) -> Iterator[tuple[str, int, int]]:
    """The rows that make up the series: sums that are kept where there are such, else the single groups."""
    matched = question.matched
    wanted: Name = (matched.get("operation"), matched.get("model"), matched.get("upstream"))
    by = PLACES.index(question.by) if question.by else -1
    summed: set[str] = set()
    for row, name in enumerate(shared):
        if by < 0:
            if name == wanted:
                yield "", 0, row
                return
        elif (series := _only(name, wanted, by)) is not None and wanted[by] in (None, series):
            summed.add(series)
            yield series, 0, row
    for row, name in enumerate(own):
        if all(one in (None, other) for one, other in zip(wanted, name, strict=True)):
            of = str(name[by]) if by >= 0 else ""
            if of not in summed:
                yield of, 1, row


def _only(name: Name, wanted: Name, by: int) -> str | None:
    """What stands at ``by``, if all else is as wanted."""
    rest = all(name[place] == wanted[place] for place in range(len(PLACES)) if place != by)
    return name[by] if rest else None
