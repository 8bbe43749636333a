"""Windows folded into the series that a question asks for. Pure.

Enters: windows, packed, in any order, each with the number of the host that it is of. Leaves: the answer as plain
values. Where nothing is known of a step its points are None; where no call fell into it, rates are 0. Bounded: of more
than MOST_KEPT series those that come later are told together (see columns).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from penstock.core.windows import GAUGES, OTHER, worse
from penstock.history.asking import Question
from penstock.history.columns import MOST_KEPT, Columns
from penstock.history.measures import FAULTS, Measure, Totals
from penstock.history.packing import MICRO, Name, Packed, Rows
from penstock.history.planes import lanes

PLACES = ("operation", "model", "upstream")
"""In the name of a row."""
Chosen = list[tuple[str, int, int]]
"""The series, 0 for shared rows and 1 for own ones, and the row."""


class Fold:
    """Adds up what a question asks for; ``answer`` tells it."""

    def __init__(self, question: Question) -> None:
        self._question = question
        measures = question.measures.values()
        columns = {"calls", *(column for measure in measures for column in measure.columns)}
        self._columns = sorted(columns - {FAULTS})
        self._asks_faults = FAULTS in columns
        self._sketches = sorted({measure.sketch for measure in measures if measure.sketch})
        self._asks_rest = any(measure.of != "calls" for measure in measures)
        self._parts = Columns(self._columns) if question.dimension not in ("", "room") else None
        self._series: dict[str, dict[float, Totals]] = {}
        self._known: dict[float, dict[int, float]] = {}
        self._gauges: dict[float, dict[int, _Gauges]] = {}
        self._calls: dict[float, int] = {}
        """Of all rooms."""
        self._chosen: dict[tuple[Any, ...], Chosen] = {}

    def add(self, packed: Packed, host: int) -> None:
        """One more window. Raises ValueError for one that cannot be read."""
        question = self._question
        if not question.since <= packed.start < question.until:
            return
        at = question.since + (packed.start - question.since) // question.plan.step * question.plan.step
        if self._parts is not None:
            self._parts.add(at, packed.values(question.dimension))
        elif question.dimension:
            self._add_rooms(at, packed)
        else:
            self._add_rows(at, packed)
        if self._asks_rest:
            self._add_rest(at, packed, host)
        known = self._known.setdefault(at, {})
        known[host] = known.get(host, 0.0) + packed.known

    def _totals(self, series: str, at: float) -> Totals:
        points = self._series.get(series)
        if points is None:
            points = self._series.setdefault(series if len(self._series) < MOST_KEPT else OTHER, {})
        totals = points.get(at)
        if totals is None:
            totals = points[at] = Totals()
        return totals

    def _add_rows(self, at: float, packed: Packed) -> None:
        tables = (packed.shared, packed.own)
        for series, table, row in self._rows(tables):
            rows = tables[table]
            totals = self._totals(series, at)
            numbers = totals.numbers
            for name in self._columns:
                numbers[name] = numbers.get(name, 0) + rows.sums(name)[row]
            for fault, count in rows.faults[row].items() if self._asks_faults else ():
                totals.faults[fault] = totals.faults.get(fault, 0) + count
            for name in self._sketches:
                totals.lanes[name] = totals.lanes.get(name, 0) + lanes(rows.sketches(name)[row])

    def _rows(self, tables: tuple[Rows, Rows]) -> Chosen:
        """Which rows are asked for. Windows in a row mostly have the same: it is looked for once."""
        key = (tables[0].stored_names, tables[1].stored_names)
        chosen = self._chosen.get(key)
        if chosen is None:
            chosen = self._chosen[key] = list(chosen_rows(self._question, tables[0].names, tables[1].names))
        return chosen

    def _add_rooms(self, at: float, packed: Packed) -> None:
        for room, seconds in packed.rest.waits.items():
            totals = self._totals(room, at)
            totals.numbers["wait"] = totals["wait"] + seconds * MICRO
        self._calls[at] = self._calls.get(at, 0) + sum(packed.own.sums("calls"))

    def _add_rest(self, at: float, packed: Packed, host: int) -> None:
        rest = packed.rest
        gauges = self._gauges.setdefault(at, {}).setdefault(host, _Gauges())
        gauges.add(rest.gauges, rest.peaks or rest.gauges, packed.known)
        totals = self._totals("", at)
        for number, score in rest.feedback.values():
            totals.numbers["scores"] = totals["scores"] + number
            totals.numbers["score"] = totals["score"] + score

    def answer(self) -> dict[str, Any]:
        """See the module."""
        question = self._question
        times = question.times
        for at, hosts in self._gauges.items():
            self._totals("", at).numbers.update(_both(hosts.values()))
        for points in self._series.values() if question.dimension == "room" else ():
            for at, number in self._calls.items():
                points.setdefault(at, Totals()).numbers["calls"] = number
        if not question.by and not question.dimension:
            self._series.setdefault("", {})
        calls: dict[str, float] = self._sums("calls")
        if self._parts is not None:
            counted, told = self._parts.series(question.top)
            self._series.update(told)
            calls |= counted
        rank = self._sums("wait") if question.dimension == "room" else calls
        names = sorted(calls, key=lambda name: (-rank[name], name))
        return {
            "since": question.since,
            "until": question.until,
            "step": question.plan.step,
            "read": question.plan.tier.name,
            "by": question.by or question.dimension,
            "measures": {
                name: {"unit": measure.unit, "meaning": measure.meaning} for name, measure in question.measures.items()
            },
            "times": times,
            "series": [
                {"name": name, "calls": calls[name], "points": self._points(self._series[name], times)}
                for name in names[: question.top]
            ],
            "left_out": max(0, len(names) - question.top),
        }

    def _sums(self, column: str) -> dict[str, float]:
        return {name: sum(totals[column] for totals in points.values()) for name, points in self._series.items()}

    def _points(self, points: dict[float, Totals], times: list[float]) -> dict[str, list[float | None]]:
        stood: list[Totals | None] = []
        for at in times:
            known = self._known.get(at)
            totals = None if known is None else points.get(at) or Totals()
            if totals is not None and known is not None:
                totals.seconds = max(known.values())
            stood.append(totals)
        return {
            name: [_told(name, measure, totals) for totals in stood]
            for name, measure in self._question.measures.items()
        }

    def __repr__(self) -> str:
        return f"<Fold of {len(self._known)} steps, {len(self._series)} series>"


def _told(name: str, measure: Measure, totals: Totals | None) -> float | None:
    """Of one step; ``totals`` is None where nothing is known of it."""
    if totals is None or (measure.of == "gauge" and name not in totals.numbers):
        return None
    value = measure.value(totals)
    return None if value is None else float(f"{value:.6g}")


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
