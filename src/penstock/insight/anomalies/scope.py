"""The measures of the calls of one scope, each with what is usual. Pure.

Enters: a row a window. Leaves: the changes that are there, or may be. What is usual is learned from rows that are two
minutes old, so that the beginning of a fault is not: when it is found, the rows since are left out.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from penstock.insight.anomalies.measures import (
    BESIDE,
    HELPERS,
    PAIR,
    PART,
    PATIENT,
    SPANS,
    SUSPECT,
    Measure,
    adjusted,
    changed,
    enough,
    flagged,
    stands,
    suspect,
)  # fmt: skip
from penstock.insight.anomalies.rows import AT, GATEWAY, Row, Scope, total
from penstock.insight.anomalies.track import SEEN, Symptom, Track
from penstock.insight.baseline import Series, Verdict

LAG = 15
"""Windows."""
SECONDS = 10.0
"""Of a window."""


class _Line(NamedTuple):
    """A measure with all that is known of it here."""

    measure: Measure
    series: Series
    track: Track
    a: int
    b: int


class ScopeWatch:
    """See the module."""

    def __init__(self, scope: Scope, measures: Sequence[Measure], parents: Sequence[ScopeWatch] = ()) -> None:
        self.scope = scope
        self._parents = parents
        has_profile = None in scope
        self._lines = {
            one.name: _Line(one, Series(one.how, len(SPANS), has_profile), Track(), *one.fields(scope))
            for one in measures
            if stands(one, scope)
        }
        self._judged = [line for line in self._lines.values() if line.measure.name not in HELPERS]
        self._more = 0.0 if scope == GATEWAY else PART if None in scope else PAIR
        self._rows: deque[tuple[float, Row]] = deque()
        self._sums: list[Row] = []
        self.seen = 0.0

    def take(self, time: float, row: Row) -> list[Symptom]:
        """The changes that are there after this window, and those that may be."""
        if row[1]:
            self.seen = time
        self._rows.append((time, row))
        if len(self._rows) > LAG:
            self._learn(*self._rows.popleft())
        recent = [one for _, one in self._rows]
        self._sums, done = [], 0
        for span in SPANS:
            newer = self._sums[-1:] + (recent[-span:-done] if done else recent[-span:])
            self._sums.append(total(newer) if newer else row)
            done = span
        found = []
        for line in self._judged:
            symptom = self._follow(line, time)
            if symptom is not None:
                found.append(symptom)
        return found

    def verdict(self, name: str, span: int = len(SPANS) - 1, least: float | None = None) -> Verdict | None:
        """How a measure is over a span, the longest without; None where too little is known (``least`` of b)."""
        line = self._lines.get(name)
        if line is None or not self._sums:
            return None
        a, b = self._sums[span][line.a], self._sums[span][line.b]
        known = enough(line.measure, a, b, line.series.level) if least is None else b >= least
        return line.series.judge(a, b, span) if known else None

    def counted(self, name: str, span: int) -> tuple[float, float, float]:
        """Of a share over a span: how many, of how many, and how many would be; nothing where that is not known."""
        line = self._lines[name]
        if not self._sums or line.series.level is None:
            return 0.0, 0.0, 0.0
        a, b = self._sums[span][line.a], self._sums[span][line.b]
        return a, b, b * line.series.level

    def scale(self, name: str, span: int) -> float:
        """By how much less a deviation says here than by chance alone."""
        return self._lines[name].series.scale(span)

    def adjusted(self, name: str, span: int = len(SPANS) - 1, least: float | None = None) -> Verdict | None:
        """The same less what others explain."""
        verdict = self.verdict(name, span, least)
        if verdict is None:
            return None
        others = {other: one for other in BESIDE.get(name, ()) if (one := self.verdict(other, span, least)) is not None}
        return adjusted(name, verdict, others)

    def _follow(self, line: _Line, time: float) -> Symptom | None:
        measure, series, track, at_a, at_b = line
        if series.level is None:
            return None
        best: Verdict | None = None
        longest = len(SPANS) - 1
        is_flagged = is_suspect = False
        is_quiet = not track.active
        more = self._more * measure.parts - (PATIENT if track.seen >= SEEN else 0.0)
        for span, sums in enumerate(self._sums):
            a, b = sums[at_a], sums[at_b]
            if not enough(measure, a, b, series.level):
                continue
            off = series.off(a, b, span)
            verdict = self.adjusted(measure.name, span) if abs(off) >= SUSPECT else None
            odd = maybe = False
            if verdict is not None:
                odd = flagged(measure, verdict, more) and not self._usual_now(line, time, span, verdict)
                maybe = odd or suspect(measure, verdict)
                if maybe and (best is None or abs(verdict.off) > abs(best.off)):
                    best, longest = verdict, span
            is_flagged, is_suspect = is_flagged or odd, is_suspect or maybe
            if is_quiet and not odd:
                series.spread(span, off)
        if is_quiet and not is_suspect and track.rests:
            return None
        active = track.take(time, is_flagged, is_suspect, LAG)
        if track.overdue:
            series.forget()
            track.end()
            return None
        if best is None:
            if not active:
                return None
            best = self.verdict(measure.name)
            if best is None:
                return None
        sure = active and measure.opens
        actual, expected = self._raw(line, longest, best)
        return Symptom(
            measure.name, self.scope, actual, expected, best.change, best.off, sure, track.since, span=longest
        )

    def _usual_now(self, line: _Line, time: float, span: int, verdict: Verdict) -> bool:
        """Whether it is like this at this time of day, or of week: now, or when the span began."""
        series, sums = line.series, self._sums[span]
        if series.profile is None:
            return False
        begun = time - SECONDS * SPANS[span]
        for usual in (*series.profile.usual(time), *series.profile.usual(begun)):
            change = series.against(sums[line.a], sums[line.b], usual)
            same_way = change * verdict.change > 0
            if not same_way or not changed(line.measure, verdict._replace(change=change, expected=usual), 0.6):
                return True
        return False

    def _learn(self, time: float, row: Row) -> None:
        for measure, series, track, at_a, at_b in self._lines.values():
            held = track.tainted
            if not held and (measure.wide is not None or measure.how == "count"):
                held = any(parent._lines[measure.name].track.tainted for parent in self._parents)
            (series.note if held else series.learn)(time, row[at_a], row[at_b])

    def level(self, name: str) -> float | None:
        """What a measure usually is; None while that is not known."""
        return self._lines[name].series.level

    def _raw(self, line: _Line, span: int, verdict: Verdict) -> tuple[float, float]:
        """What it is and usually would be, where the verdict is on what is off the usual of each pair."""
        measure, sums = line.measure, self._sums[span]
        if measure.wide is None or None not in self.scope:
            return verdict.actual, verdict.expected
        a, b = sums[AT[measure.a]], sums[AT[measure.b]]
        actual = math.exp(a / b) if b else 0.0
        return actual, actual / math.exp(verdict.change)

    def track(self, name: str) -> Track | None:
        """How a measure goes; None for one that is not judged here."""
        line = self._lines.get(name)
        return None if line is None else line.track

    @property
    def tainted(self) -> bool:
        """Whether some of what it saw lately is not usual."""
        return any(line.track.tainted for line in self._judged)

    def dump(self) -> dict[str, Any]:
        """What is usual, as plain values."""
        return {name: line.series.dump() for name, line in self._lines.items()}

    def load(self, kept: dict[str, Any]) -> None:
        """Go on from what ``dump`` gave; what is of another form is passed over."""
        for name, line in self._lines.items():
            if name in kept:
                try:
                    line.series.load(kept[name])
                except (ValueError, TypeError):
                    continue

    def __repr__(self) -> str:
        return f"<ScopeWatch of {self.scope}, {sum(line.track.active for line in self._judged)} changes>"
