"""Counts finished calls into windows of ten seconds. Pure: time is the records' own.

Enters: records of finished calls, and gauges. Leaves: windows, the newest of those that are over kept until they are
too many. A call belongs to the window in which it ended.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from penstock.core.finished import Finished, Record
from penstock.core.sketch import put
from penstock.core.windows import MOST_GROUPS, MOST_VALUES, OTHER, SPAN, Group, Part, Window, band

KEPT = 30
"""Windows that are over, in case who gathers them is late."""
_HITS = ("hit-exact", "hit-semantic", "coalesced")
_LOOKED_UP = (*_HITS, "miss", "refresh")
_Groups = dict[tuple[str, str, str], Group]


def begin_of(at: float) -> float:
    """The start of the window that ``at`` (Unix seconds) is in."""
    return math.floor(at / SPAN) * SPAN


class Tally:
    """See the module. ``now`` is Unix seconds."""

    def __init__(self, now: float) -> None:
        self._over: deque[Window] = deque(maxlen=KEPT)
        self._begin(begin_of(now))

    def _begin(self, start: float) -> None:
        self._window = Window(start)
        self._groups: _Groups = {}

    @property
    def start(self) -> float:
        """Of the window that is not over."""
        return self._window.start

    def take(self, rows: Iterable[Record]) -> None:
        """Count calls."""
        for row in rows:
            self._count(Finished._make(row))

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
        self._window.groups = list(self._groups.values())
        self._window.gauges = gauges
        self._over.append(self._window)
        self._begin(start)

    def over(self, after: float) -> list[Window]:
        """The windows that are over and began after ``after``."""
        return [window for window in self._over if window.start > after]

    def _count(self, call: Finished) -> None:
        group = self._group(call)
        failed = call.failed
        group.calls += 1
        group.streams += call.stream
        if call.outcome == "left":
            group.faults["left"] = group.faults.get("left", 0) + 1
        elif call.fault:
            group.faults[call.fault] = group.faults.get(call.fault, 0) + 1
        hit = call.cache in _HITS
        group.looked_up += call.cache in _LOOKED_UP
        group.hits += hit
        group.retried += call.attempts > 1
        group.rescued += bool(call.rescues)
        group.hedged += bool(call.hedge)
        group.batched += bool(call.batch)
        group.degraded += bool(call.degraded)
        group.tokens_in += call.tokens_in
        group.tokens_out += call.tokens_out
        group.tokens_cached += call.tokens_cached
        group.tokens_reasoning += call.tokens_reasoning
        group.bytes_in += call.bytes_in
        group.bytes_out += call.bytes_out
        group.total += call.total
        group.first_byte += call.first_byte
        group.connecting += call.connecting
        group.waited += call.waited
        group.queued += call.queued
        group.overhead += call.overhead
        group.cost += call.cost
        group.saved += call.saved
        put(group.overheads, call.overhead)
        if call.queued:
            put(group.queues, call.queued)
        if not failed and not call.fault:
            self._time(group, call, hit)
        for room, spent in (call.waits or {}).items():
            self._window.waits[room] = self._window.waits.get(room, 0.0) + spent
        self._divide(call, failed, hit)

    def _time(self, group: Group, call: Finished, hit: bool) -> None:
        put(group.totals, call.total)
        if hit:
            return
        if call.stream and call.first_byte:
            put(group.firsts, call.first_byte)
            group.prefill += call.prefill or 0.0
        group.generating += call.generating
        gap = call.token_gap
        if gap is not None:
            put(group.gaps, gap)

    def _divide(self, call: Finished, failed: bool, hit: bool) -> None:
        values = {"key": call.key, "tag": call.tags, "prompt": band(call.tokens_in), "error": call.error,
                  "cache": call.cache}  # fmt: skip
        for dimension, value in values.items():
            if not value:
                continue
            known = self._window.parts.setdefault(dimension, {})
            part = known.get(value)
            if part is None:
                part = known.setdefault(value if len(known) < MOST_VALUES else OTHER, Part())
            part.calls += 1
            part.failed += failed
            part.total += call.total
            part.first_byte += call.first_byte
            part.tokens_in += call.tokens_in
            part.tokens_out += call.tokens_out
            part.hits += hit
            part.cost += call.cost
            part.saved += call.saved

    def _group(self, call: Finished) -> Group:
        upstream = call.upstream
        if "@" in upstream:  # an instance: they come and go
            upstream = upstream.partition("@")[0]
        name = (call.operation, call.model, upstream)
        group = self._groups.get(name)
        if group is None:
            if len(self._groups) >= MOST_GROUPS:
                name = (call.operation, OTHER, OTHER)
            group = self._groups.setdefault(name, Group(*name))
        return group

    def __repr__(self) -> str:
        return f"<Tally from {self._window.start:.0f}, {len(self._groups)} groups>"
