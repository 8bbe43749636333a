"""Counts finished calls into windows of ten seconds. Pure: time is the records' own.

Enters: records of finished calls, and gauges. Leaves: windows, the newest of those that are over kept until they are
too many. A call belongs to the window in which it ended.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from operator import add
from typing import Any

from penstock.core.finished import Finished, Record
from penstock.core.sketch import put_many
from penstock.core.windows import MOST_GROUPS, MOST_VALUES, OTHER, SPAN, Group, Part, Window, band

KEPT = 30
"""Windows that are over, in case who gathers them is late."""
TOGETHER = 2000
"""Calls that are held until they are counted, or their window ends: a few at a time cost three times as much."""
_HITS = ("hit-exact", "hit-semantic", "coalesced")
_LOOKED_UP = (*_HITS, "miss", "refresh")
_FAILED = ("gateway", "upstream")
_SUMMED = (
    "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "bytes_in", "bytes_out", "total", "first_byte",
    "connecting", "waited", "queued", "overhead", "cost", "saved",
)  # fmt: skip
_OPERATION = Finished._fields.index("operation")
_UPSTREAM = Finished._fields.index("upstream")
"""The model stands between them."""
_Groups = dict[tuple[str, str, str], Group]


def begin_of(at: float) -> float:
    """The start of the window that ``at`` (Unix seconds) is in."""
    return math.floor(at / SPAN) * SPAN


class Tally:
    """See the module. ``now`` is Unix seconds; ``worker`` is the number of whose calls they are."""

    def __init__(self, now: float, worker: int = 0) -> None:
        self._worker = worker
        self._held: list[Record] = []
        self._over: deque[Window] = deque(maxlen=KEPT)
        self._begin(begin_of(now))

    def _begin(self, start: float) -> None:
        self._window = Window(start, worker=self._worker)
        self._groups: _Groups = {}

    @property
    def start(self) -> float:
        """Of the window that is not over."""
        return self._window.start

    def take(self, rows: Iterable[Record]) -> None:
        """Count calls."""
        self._held += rows
        if len(self._held) >= TOGETHER:
            self._add_up(self._window.start + SPAN)

    def _add_up(self, end: float) -> None:
        """Count what is held of the calls that ended before ``end``."""
        held = self._held
        rows = [row for row in held if row[0] < end]
        if not rows:
            return
        self._held = [row for row in held if row[0] >= end] if len(rows) < len(held) else []
        of: dict[tuple[str, str, str], list[Record]] = {}
        for row in rows:
            name = row[_OPERATION : _UPSTREAM + 1]
            if name in of:
                of[name].append(row)
            else:
                of[name] = [row]
        columns: Any = None
        for name, those in of.items():
            columns = Finished._make(zip(*those, strict=True))
            self._count(self._group(*name), columns, len(those))
        self._divide(columns if len(of) == 1 else Finished._make(zip(*rows, strict=True)))

    def feedback(self, model: str, score: float) -> None:
        """What a caller thought of an answer: 0 (bad) to 1."""
        known = self._window.feedback
        name = model if model in known or len(known) < MOST_VALUES else OTHER
        number, total = known.get(name, (0, 0.0))
        known[name] = (number + 1, total + score)

    def close(self, now: float, gauges: dict[str, float]) -> None:
        """End the window if its time is over; ``gauges`` are what is read at its end."""
        start = begin_of(now)
        if start <= self._window.start:
            return
        self._add_up(start)
        self._window.groups = list(self._groups.values())
        self._window.gauges = gauges
        self._over.append(self._window)
        self._begin(start)

    def over(self, after: float) -> list[Window]:
        """The windows that are over and began after ``after``."""
        return [window for window in self._over if window.start > after]

    def _count(self, group: Group, columns: Any, number: int) -> None:
        """Add the calls of one group up, column by column: a fifth of the time of one by one."""
        group.calls += number
        group.streams += sum(columns.stream)
        if any(columns.fault) or "left" in columns.outcome:
            for fault, outcome in zip(columns.fault, columns.outcome, strict=True):
                if fault or outcome == "left":
                    whose = "left" if outcome == "left" else fault
                    group.faults[whose] = group.faults.get(whose, 0) + 1
        for cache, told in Counter(columns.cache).items():
            group.looked_up += told if cache in _LOOKED_UP else 0
            group.hits += told if cache in _HITS else 0
        group.retried += number - columns.attempts.count(0) - columns.attempts.count(1)
        group.rescued += number - columns.rescues.count(0)
        group.hedged += number - columns.hedge.count("")
        group.batched += number - columns.batch.count("")
        group.degraded += number - columns.degraded.count("")
        for name in _SUMMED:
            setattr(group, name, getattr(group, name) + sum(getattr(columns, name)))
        put_many(group.overheads, columns.overhead)
        if any(columns.queued):
            put_many(group.queues, filter(None, columns.queued))
        for waits in filter(None, columns.waits):
            for room, spent in waits.items():
                self._window.waits[room] = self._window.waits.get(room, 0.0) + spent
        _time(group, columns)

    def _divide(self, columns: Any) -> None:
        """Add the calls up by the values of each dimension."""
        hits = [cache in _HITS for cache in columns.cache]
        failed = [fault in _FAILED for fault in columns.fault]
        facts = {
            "failed": failed, "total": columns.total, "first_byte": columns.first_byte, "tokens_in": columns.tokens_in,
            "tokens_out": columns.tokens_out, "hits": hits, "cost": columns.cost, "saved": columns.saved,
        }  # fmt: skip
        names = ["total", *(name for name, column in facts.items() if name != "total" and any(column))]
        rows = list(zip(*[facts[name] for name in names], strict=True))
        bands = [band(tokens) for tokens in columns.tokens_in]
        for dimension, values in (("key", columns.key), ("tag", columns.tags), ("prompt", bands),
                                  ("error", columns.error), ("cache", columns.cache)):  # fmt: skip
            if not any(values):
                continue
            those: dict[str, list[tuple[Any, ...]]] = {}
            for value, fact in zip(values, rows, strict=True):
                if value in those:
                    those[value].append(fact)
                elif value:
                    those[value] = [fact]
            known = self._window.parts.setdefault(dimension, {})
            for value, told in those.items():
                part = known.get(value)
                if part is None:
                    part = known.setdefault(value if len(known) < MOST_VALUES else OTHER, Part())
                part.calls += len(told)
                for name, column in zip(names, zip(*told, strict=True), strict=True):
                    setattr(part, name, getattr(part, name) + sum(column))

    def _group(self, operation: str, model: str, upstream: str) -> Group:
        if "@" in upstream:  # an instance: they come and go
            upstream = upstream.partition("@")[0]
        name = (operation, model, upstream)
        group = self._groups.get(name)
        if group is None:
            if len(self._groups) >= MOST_GROUPS:
                name = (operation, OTHER, OTHER)
            group = self._groups.setdefault(name, Group(*name))
        return group

    def __repr__(self) -> str:
        return f"<Tally from {self._window.start:.0f}, {len(self._groups)} groups>"


def _time(group: Group, columns: Any) -> None:
    """Count how long the calls took that ended well; those that the cache answered tell nothing of an upstream."""
    totals: list[float] = []
    firsts: list[float] = []
    gaps: list[float] = []
    prefill = generating = 0.0
    for fault, cache, stream, total, first, attempts, waited, aside, said in zip(
        columns.fault, columns.cache, columns.stream, columns.total, columns.first_byte, columns.attempts,
        columns.waited, map(add, columns.queued, columns.overhead), columns.tokens_out, strict=True,
    ):  # fmt: skip
        if fault:
            continue
        totals.append(total)
        if cache in _HITS:
            continue
        spent = waited
        if stream:
            spent = total - first if 0 < first < total else 0.0
            said -= 1
            if first:
                firsts.append(first)
                if attempts and first > aside:
                    prefill += first - aside
        generating += spent
        if said > 0 and attempts and spent > 0:
            gaps.append(spent / said)
    group.prefill += prefill
    group.generating += generating
    put_many(group.totals, totals)
    put_many(group.firsts, firsts)
    put_many(group.gaps, gaps)
