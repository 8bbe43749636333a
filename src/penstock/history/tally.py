"""Counts finished calls into windows of ten seconds. Pure: time is the records' own.

Enters: records of finished calls, and gauges. Leaves: windows, the newest of those that are over kept until they are
too many. A call belongs to the window that is open when it is handed over.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from penstock.core.finished import Record
from penstock.core.sheaves import HITS, Sheaf, sheaves
from penstock.core.sketch import put_many
from penstock.core.windows import MOST_GROUPS, MOST_VALUES, OTHER, SPAN, Group, Part, Window, band

UNKNOWN = "(unknown)"
"""The model of all calls that asked for one that is not there: names that callers make up may not crowd out ours."""
KEPT = 30
"""Windows that are over, in case who gathers them is late."""
_LOOKED_UP = (*HITS, "miss", "refresh")
_FAILED = ("gateway", "upstream")
_SUMMED = (
    "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "bytes_in", "bytes_out", "total", "first_byte",
    "connecting", "waited", "queued", "overhead", "cost", "saved",
)  # fmt: skip
CROWDED = 4
"""Calls that share all values, on average, from which on they are added up together."""
Fact = tuple[Any, ...]
_Groups = dict[tuple[str, str, str], Group]


def begin_of(at: float) -> float:
    """The start of the window that ``at`` (Unix seconds) is in."""
    return math.floor(at / SPAN) * SPAN


class Tally:
    """See the module. ``now`` is Unix seconds; ``worker`` is the number of whose calls they are."""

    def __init__(self, now: float, worker: int = 0) -> None:
        self._worker = worker
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
        self.add(sheaves(list(rows)))

    def add(self, those: Sequence[Sheaf]) -> None:
        """Count calls that are put together already."""
        for sheaf in those:
            self._count(self._group(sheaf.operation, sheaf.entry or UNKNOWN, sheaf.upstream), sheaf)
        if those:
            self._divide(those)

    def feedback(self, model: str, score: float) -> None:
        """What a caller thought of an answer: 0 (bad) to 1."""
        known, model = self._window.feedback, model or UNKNOWN
        name = model if model in known or len(known) < MOST_VALUES else OTHER
        number, total = known.get(name, (0, 0.0))
        known[name] = (number + 1, total + score)

    def close(self, now: float, gauges: dict[str, float]) -> None:
        """End the window if its time is over; ``gauges`` are what is read at its end."""
        start = begin_of(now)
        if start <= self._window.start:
            return
        self._window.groups = list(self._groups.values())
        self._window.gauges = gauges
        self._over.append(self._window)
        self._begin(start)

    def over(self, after: float) -> list[Window]:
        """The windows that are over and began after ``after``."""
        return [window for window in self._over if window.start > after]

    def _count(self, group: Group, sheaf: Sheaf) -> None:
        """Add the calls of one group up."""
        columns, number = sheaf.columns, sheaf.number
        group.calls += number
        group.streams += sum(columns.stream)
        if sheaf.fault or sheaf.outcome == "left":
            whose = "left" if sheaf.outcome == "left" else sheaf.fault
            group.faults[whose] = group.faults.get(whose, 0) + number
        group.looked_up += sum(told for cache, told in sheaf.caches.items() if cache in _LOOKED_UP)
        group.hits += sheaf.hits
        group.retried += number - columns.attempts.count(0) - columns.attempts.count(1)
        group.rescued += number - columns.rescues.count(0)
        group.hedged += number - columns.hedge.count("")
        group.batched += number - columns.batch.count("")
        group.degraded += number - columns.degraded.count("")
        for name in _SUMMED:
            setattr(group, name, getattr(group, name) + sum(getattr(columns, name)))
        group.prefill += sum(sheaf.prefills)
        group.generating += sheaf.generating
        put_many(group.totals, sheaf.totals)
        put_many(group.firsts, sheaf.firsts)
        put_many(group.gaps, sheaf.gaps)
        put_many(group.overheads, columns.overhead)
        if any(columns.queued):
            put_many(group.queues, [queued for queued in columns.queued if queued])
        for waits in filter(None, columns.waits):
            for room, spent in waits.items():
                self._window.waits[room] = self._window.waits.get(room, 0.0) + spent

    def _divide(self, those: Sequence[Sheaf]) -> None:
        """Add the calls up by the values of each dimension. Most calls share all their values with others, so that
        they are added up once for all dimensions; where they do not, for each dimension alone."""
        facts = list(chain.from_iterable(map(_facts, those)))
        columns = {
            name: list(chain.from_iterable([getattr(sheaf.columns, column) for sheaf in those]))
            for name, column in (("key", "key"), ("tag", "tags"), ("error", "error"), ("cache", "cache"))
        }
        columns["prompt"] = [band(tokens) for sheaf in those for tokens in sheaf.columns.tokens_in]
        named = {name: values for name, values in columns.items() if any(values)}
        alike = _alike(zip(*named.values(), strict=True), facts)
        if len(alike) * CROWDED <= len(facts):
            self._add_up(tuple(named), alike)
            return
        for name, column in named.items():
            self._add_up((name,), _alike(zip(column, strict=True), facts))

    def _add_up(self, names: Sequence[str], alike: Mapping[tuple[str, ...], list[Fact]]) -> None:
        parts = self._window.parts
        for value, told in alike.items():
            sums = [len(told), *map(sum, zip(*told, strict=True))]
            for name, one in zip(names, value, strict=True):
                if one:
                    known = parts.setdefault(name, {})
                    part = known.get(one)
                    if part is None:
                        part = known.setdefault(one if len(known) < MOST_VALUES else OTHER, Part())
                    _add(part, sums)

    def _group(self, operation: str, model: str, upstream: str) -> Group:
        name = (operation, model, upstream)
        group = self._groups.get(name)
        if group is None:
            if len(self._groups) >= MOST_GROUPS:
                name = (operation, OTHER, OTHER)
            group = self._groups.setdefault(name, Group(*name))
        return group

    def __repr__(self) -> str:
        return f"<Tally from {self._window.start:.0f}, {len(self._groups)} groups>"


def _alike(values: Iterable[tuple[str, ...]], facts: Sequence[Fact]) -> dict[tuple[str, ...], list[Fact]]:
    """``facts`` by the values of their calls."""
    alike: dict[tuple[str, ...], list[Fact]] = {}
    for value, fact in zip(values, facts, strict=True):
        if value in alike:
            alike[value].append(fact)
        else:
            alike[value] = [fact]
    return alike


def _facts(sheaf: Sheaf) -> Iterable[Fact]:
    """Of each call, what parts add up, in the order of their fields."""
    columns, number = sheaf.columns, sheaf.number
    hits = [cache in HITS for cache in columns.cache] if sheaf.hits else [False] * number
    return zip([sheaf.fault in _FAILED] * number, columns.total, columns.first_byte, columns.tokens_in,
               columns.tokens_out, hits, columns.cost, columns.saved, strict=True)  # fmt: skip


def _add(part: Part, sums: Sequence[Any]) -> None:
    calls, failed, total, first_byte, tokens_in, tokens_out, hits, cost, saved = sums
    part.calls += calls
    part.failed += failed
    part.total += total
    part.first_byte += first_byte
    part.tokens_in += tokens_in
    part.tokens_out += tokens_out
    part.hits += hits
    part.cost += cost
    part.saved += saved
