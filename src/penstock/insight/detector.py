"""How unusual the newest value of one series is: several plain measures, each judged by its own past. Pure.

Enters: (time, value) in order, steps about equal; gaps and values that are no numbers are passed over. Leaves: a
``Reading``: minus the decimal logarithm of the smallest chance that any measure gives, and which measure that was.
Nothing is tuned to a series: each measure is in units of the series' own mean deviation, and its chance comes from
the scores that it gave before (``tail.py``).
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal, NamedTuple

from penstock.insight.season import Season
from penstock.insight.tail import Tail

Measure = Literal["jump", "value", "usual", "level", "drift", "noise", "stuck"]
MEASURES: tuple[Measure, ...] = ("jump", "value", "usual", "level", "drift", "noise", "stuck")
"""Against the last few values, the slow mean, this time of day; means of 6 and of 36 values against what is expected;
the roughness of the last 24 against all; values that do not change."""

FAST = 0.2
SLOW = 1 / 1000
SHORT, LONG, ROUGH = 6, 36, 24
STILL = 5
"""So often may a value come again without a word."""
LEAST_CHANCE = 1e-12


class Reading(NamedTuple):
    """``score``: 3 is one in a thousand. ``expected``: what the value was compared with."""

    score: float
    measure: Measure
    expected: float


class Detector:
    """``step``: seconds between values."""

    __slots__ = (
        "_begun", "_deviation", "_fast", "_last", "_long", "_rough", "_roughness", "_season", "_seen", "_short",
        "_slot", "_slow", "_still", "_tails", "step",
    )  # fmt: skip

    def __init__(self, step: float) -> None:
        if not step > 0 or math.isinf(step):
            raise ValueError(f"a step of {step} seconds")
        self.step = step
        self._begun: float | None = None
        self._slot = -1
        self._seen = 0
        self._fast = self._slow = self._deviation = self._roughness = self._last = 0.0
        self._still = 0
        self._short: deque[float] = deque(maxlen=SHORT)
        self._long: deque[float] = deque(maxlen=LONG)
        self._rough: deque[float] = deque(maxlen=ROUGH)
        self._season = Season(step)
        self._tails: dict[Measure, Tail] = {measure: Tail() for measure in MEASURES}

    def see(self, time: float, value: float) -> Reading | None:
        """Judge the next value. None where there is nothing to judge: no number, or not after the last one."""
        if not math.isfinite(value) or not math.isfinite(time):
            return None
        if self._begun is None:
            self._begun = time
            self._fast = self._slow = self._last = value
        slot = round((time - self._begun) / self.step)
        if slot <= self._slot:
            return None
        self._season.skip(self._slot + 1, slot)
        self._slot = slot
        scores, expected = self._measured(slot, value)
        least, which = 1.0, MEASURES[0]
        for measure, score in scores.items():
            tail = self._tails[measure]
            chance = tail.chance(score)
            if chance < least:
                least, which = chance, measure
            tail.add(score)
        self._learn(slot, value)
        return Reading(math.log10(1 / max(least, LEAST_CHANCE)), which, expected)

    def _measured(self, slot: int, value: float) -> tuple[dict[Measure, float], float]:
        """The score by each measure that can tell, and what was expected."""
        rate = max(1 / (self._seen + 1), SLOW)
        self._deviation += (abs(value - self._slow) - self._deviation) * rate
        unit = self._deviation + 1e-12 * (1 + abs(self._slow))
        scores: dict[Measure, float] = {
            "jump": abs(value - self._fast) / unit,
            "value": abs(value - self._slow) / unit,
        }
        expected = self._slow
        usual = self._season.expected(slot)
        if usual is not None:
            if self._season.judge(value, usual, self._slow):
                expected = usual
            scores["usual"] = abs(value - expected) / unit
        for measure, kept in (("level", self._short), ("drift", self._long)):
            kept.append(value - expected)
            scores[measure] = abs(sum(kept) / len(kept)) / unit  # type: ignore[index]
        if self._seen:
            change = abs(value - self._last)
            self._rough.append(change)
            self._roughness += (change - self._roughness) * max(1 / self._seen, SLOW)
            tiny = 1e-9 * unit
            rough = sum(self._rough) / len(self._rough) + 0.02 * self._roughness + tiny
            scores["noise"] = abs(math.log(rough / (self._roughness + tiny)))
            self._still = self._still + 1 if not change else 0
            scores["stuck"] = float(max(0, self._still - STILL))
        return scores, expected

    def _learn(self, slot: int, value: float) -> None:
        self._season.put(slot, value)
        self._fast += (value - self._fast) * FAST
        self._slow += (value - self._slow) * max(1 / (self._seen + 1), SLOW)
        self._last = value
        self._seen += 1

    def __repr__(self) -> str:
        return f"<Detector {self._seen} values, usually {self._slow:.6g} ± {self._deviation:.6g}>"
