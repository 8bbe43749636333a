"""Counts finished calls into windows of ten seconds. Pure: time is the records' own.

Enters: records of finished calls, and gauges. Leaves: windows, the newest of those that are over kept until they are
too many. A call belongs to the window that is open when it is handed over.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Final

from penstock.core.finished import STARTING, Record
from penstock.core.sheaves import HITS, Sheaf, sheaves
from penstock.core.sketch import put_many
from penstock.core.windows import MOST_GROUPS, MOST_VALUES, OTHER, SPAN, Group, Window
from penstock.history.divided import divided

UNKNOWN: Final = "(unknown)"
"""The model of all calls that asked for one that is not there: names that callers make up may not crowd out ours."""
KEPT: Final = 30
"""Windows that are over, in case who gathers them is late."""
_LOOKED_UP: Final[tuple[str, ...]] = (*HITS, "miss", "refresh")
_SUMMED: Final[tuple[str, ...]] = (
    "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "bytes_in", "bytes_out", "total", "first_byte",
    "connecting", "waited", "queued", "overhead", "cost", "saved",
)  # fmt: skip
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
        for stream, waits in compress(zip(columns.stream, columns.waits, strict=True), columns.waits):
            group.held += stream and STARTING in waits
            for room, spent in waits.items():
                self._window.waits[room] = self._window.waits.get(room, 0.0) + spent

    def _divide(self, those: Sequence[Sheaf]) -> None:
        """Add the calls up by the values of each dimension."""
        for name, values in divided(those).items():
            known = self._window.parts.setdefault(name, {})
            for value, part in values.items():
                one = value if value in known or len(known) < MOST_VALUES else OTHER
                if one in known:
                    known[one].add(part)
                else:
                    known[one] = part

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
