"""One setting tried: on and off by turns, then proved for longer, then watched. Pure; time and chance are passed in.

Enters: windows, each with the moments between which it ran, and the moment at which a wish came into force. Leaves:
what is wished (``on``), and a verdict. Periods come in pairs whose order is drawn by lot, so that neither a trend nor
the hour of the day speaks for one side. A window that breaks a guard ends it at once; a suspicious one ends its period.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from random import Random
from typing import Literal, NamedTuple

from penstock.insight.optimizer.evidence import Evidence
from penstock.insight.optimizer.guard import Guard, Word
from penstock.insight.optimizer.harm import LEAST_PAIRS, Harm
from penstock.insight.optimizer.measures import Measure
from penstock.insight.optimizer.rhythm import slot

LONG = 4
"""Periods on before the first one off, while it is proved; each further time twice as many."""
LASTS = 0.5
"""Of the effect that was found: with less, it is looked at again at once; twice in a row, and it goes. Later it goes
when it does the opposite."""
STRIKES = 2
"""Suspicions that proved true of a setting that was found good; then it goes."""
FORGET = 1080
"""Windows in which nothing happens, after which one of them is forgotten."""
LAST = 6
"""Windows before a suspicion that are compared with what it is without the setting."""
MOST_SUSPICIONS = 3
"""Of one that is being tried, before it is asked whether they were noise."""
Verdict = tuple[Literal["kept", "rolled_back"], str]
Levels = dict[str, list[float]]


class Terms(NamedTuple):
    """``period`` in windows; ``deadline`` and ``proving`` in seconds; ``least``: the smallest effect worth keeping, on
    the metric's scale; ``alpha``: how often nothing may be taken for something."""

    period: int
    deadline: float
    proving: float
    least: float
    alpha: float = 0.05


class Trial:
    """See the module. ``phase``: ``switching``, ``proving``, ``watched`` once kept, ``over``."""

    def __init__(self, metric: Measure, guards: Sequence[Guard], terms: Terms, draw: Random, now: float) -> None:
        self.metric = metric
        self.harm = Harm(guards)
        self.terms = terms
        self.phase: Literal["switching", "proving", "watched", "over"] = "switching"
        self.verdict: Verdict | None = None
        self.on = False
        self.evidence = Evidence()
        self.late = Evidence()
        self.levels: dict[bool, list[float]] = {True: [], False: []}
        self.hours: dict[int, tuple[float, float]] = {}
        """By time of day, when it was compared last, and what it gained then in the metric's own units."""
        self._draw = draw
        self._began = now
        self._proved = 0.0
        self._stretch = LONG
        self._doubted = False
        self._gained = 0.0
        self._since = now
        self._plan = self._pair()
        self._seen: dict[bool, Levels] = {True: {}, False: {}}
        self._count = 0
        self._suspicions = 0
        self._strikes = 0.0
        self._tripped: tuple[Mapping[str, float], dict[str, float]] | None = None
        self._breathes = False
        self._last: deque[dict[str, float]] = deque(maxlen=LAST)
        self._want(self._plan.pop(0))

    # ---- what is wished

    def _pair(self) -> list[bool]:
        first = self._draw.random() < 0.5
        return [first, not first]

    def _want(self, on: bool) -> None:
        self._count = 0
        if on != self.on:
            self.on = on
            self._since = math.inf

    def applied(self, now: float) -> None:
        """What is wished is in force since ``now``."""
        if self._since == math.inf:
            self._since = now

    # ---- what is seen

    def take(self, start: float, end: float, values: Mapping[str, float], *, alone: bool = True) -> None:
        """A window is over. ``alone``: nothing else is tried now."""
        if self.phase == "over":
            return
        pure, mostly = start >= self._since, end - self._since >= (end - start) / 2
        levels = self._levels_of(values)
        if self.on and mostly:
            self._last.append(levels)
            word = self._word(levels, values, alone)
            self._strikes = max(0.0, self._strikes - 1 / FORGET)
            if word is not Word.FINE:
                self._note(levels)
                self._alarmed(word, levels, values, end)
                return
        if pure and self.metric.name in levels:
            self._note(levels)
            self._count += 1
        if self.phase == "switching" and end - self._began > self.terms.deadline:
            self._end("rolled_back", self._too_late())
        else:
            self._turn(end, alone)

    def _levels_of(self, values: Mapping[str, float]) -> dict[str, float]:
        measures = [self.metric, *(guard.measure for guard in self.harm.guards.values())]
        found = {measure.name: measure.level(values[measure.name]) for measure in measures if measure.name in values}
        return {name: level for name, level in found.items() if level is not None}

    def _note(self, levels: Mapping[str, float]) -> None:
        for name, level in levels.items():
            seen = self._seen[self.on].setdefault(name, [])
            seen.append(level)
            if self.phase != "switching":
                del seen[: -self.terms.period]  # what counts is how it is after a while

    def _word(self, levels: Mapping[str, float], values: Mapping[str, float], alone: bool) -> Word:
        word = self.harm.word(levels, values, eager=self.phase == "switching")
        if word is Word.FINE and self.phase != "switching" and self.harm.lasting(list(self._last)):
            word = Word.SUSPICIOUS
        return Word.FINE if word is Word.SUSPICIOUS and not alone else word

    # ---- alarm

    def _alarmed(self, word: Word, levels: dict[str, float], values: Mapping[str, float], now: float) -> None:
        if self.phase == "switching":
            self._suspicions += 1
            if word >= Word.BROKEN or (self._suspicions >= MOST_SUSPICIONS and self.harm.half(levels)):
                self._end("rolled_back", f"it hurt {self.harm.worst(levels)}")
                return
            self._period_over(now)
            if self.on:  # the lot may say on again: were it harm, it would go on without a break
                self._want(False)
                self._breathes = True
            return
        if word is Word.PAST_CEILING:
            self._end("rolled_back", f"after a while it hurt {self.harm.worst(levels)}")
            return
        self._tripped = (values, levels)
        self._seen = {True: self._seen[True], False: {}}
        self._want(False)

    # ---- turns

    def _turn(self, now: float, alone: bool) -> None:
        if self._breathes:
            if self._count:
                self._breathes = False
                self._seen[False] = {}  # it is no part of a pair
                self._want(True)
        elif self._tripped is not None:
            if self._count >= self.terms.period:
                self._judge_suspicion()
        elif self.phase == "switching":
            if self._count >= self.terms.period:
                self._period_over(now)
        elif not self.on:
            if self._count >= self.terms.period:
                self._does_it_last(now)
        elif alone and self._count >= self._stretch * self.terms.period:
            self._want(False)

    def _judge_suspicion(self) -> None:
        assert self._tripped is not None
        values, tripped = self._tripped
        self._strikes += self.harm.guilt(tripped, values, self._last, self._seen[False])
        if self._strikes > STRIKES - 1:
            self._end("rolled_back", f"after a while it hurt {self.harm.worst(tripped)}")
            return
        self._tripped = None
        self._last.clear()
        self._seen = {True: {}, False: {}}
        self._want(True)

    def _period_over(self, now: float) -> None:
        if self._plan:
            self._want(self._plan.pop(0))
            return
        self._weigh(self.evidence)
        self._decide()
        if self.verdict is not None:
            return
        if self.phase == "proving":
            self._proved = now
            self._want(True)
        else:
            self._plan = self._pair()
            self._want(self._plan.pop(0))

    def _does_it_last(self, now: float) -> None:
        """It was on for long, then off for a period."""
        before = len(self.late.differences)
        self._weigh(self.late)
        least = LASTS * self.evidence.mean if self.phase == "proving" else -self.terms.least  # by the hour, it varies
        seen = len(self.late.differences) > before
        less = seen and self.late.differences[-1] < least
        if seen:
            self.hours[slot(now)] = (now, self._gained)
        if less and self._doubted and (self.phase == "proving" or self._costs()):
            self._end("rolled_back", "the effect did not last")
            return
        self._doubted = less
        if not less:
            self._stretch *= 2
            if self.phase == "proving" and now - self._proved >= self.terms.proving:
                self._end("kept", "the effect lasted")
        self._want(True)

    def _costs(self) -> bool:
        """Whether over the hours at which it was compared it costs more than it gains: a day has a rhythm."""
        return sum(gain for _, gain in self.hours.values()) < 0

    def _weigh(self, into: Evidence) -> None:
        """Compare the two periods that are over; without measurements there is nothing to compare."""
        name = self.metric.name
        on, off = self._seen[True], self._seen[False]
        self._seen = {True: {}, False: {}}
        if name in on and name in off:
            metric, with_it, without = self.metric, statistics.fmean(on[name]), statistics.fmean(off[name])
            into.add((with_it - without) * metric.better)
            self._gained = (metric.value(with_it) - metric.value(without)) * metric.better
            self.levels[True] += on[name]
            self.levels[False] += off[name]
        self.harm.weigh(on, off, count=into is self.evidence)

    def _decide(self) -> None:
        terms, evidence = self.terms, self.evidence
        if len(evidence.differences) < LEAST_PAIRS:
            return
        hurt = self.harm.hurt(sure=True)
        if hurt:
            self._end("rolled_back", f"it would hurt {hurt}")
        elif evidence.above() >= 1 / terms.alpha and evidence.mean >= terms.least:
            if not self.harm.hurt(sure=False):  # else more pairs will tell
                self.phase = "proving"
        elif evidence.below() >= 1 / terms.alpha:
            self._end("rolled_back", f"{self.metric.name} got worse")
        elif evidence.below(terms.least) >= 1 / terms.alpha:
            self._end("rolled_back", "no effect worth having")

    def _too_late(self) -> str:
        pairs, hurt = len(self.evidence.differences), self.harm.hurt(sure=False)
        if hurt and self.evidence.above() >= 1 / self.terms.alpha:
            return f"it may hurt {hurt}"
        return f"no effect was found in time ({pairs} pairs)" if pairs else "nothing could be measured"

    def _end(self, state: Literal["kept", "rolled_back"], reason: str) -> None:
        self.verdict = (state, reason)
        self.phase = "watched" if state == "kept" else "over"
        self._strikes = 0.0
        self._tripped = None
        self._seen = {True: {}, False: {}}
        self._want(state == "kept")

    def __repr__(self) -> str:
        return f"<Trial of {self.metric.name}, {self.phase}, {self.evidence!r}>"
