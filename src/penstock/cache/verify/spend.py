"""The budget of errors, spent on the safest hits first: how unsafe may a hit be that is still given?

Enters: the predicted error of the best candidate of each request, and labels near the line. Leaves: ``line``: what is
above it is a miss. It is the highest at which the hits of late, by their predicted errors and by how far those
have been off, would have cost ``goal`` of the budget. The rest of the budget is left for what nobody foresees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

BINS = 128
_DECADES = 5.0
"""Bins of predicted error, even in its logarithm, from 1e-5 to 1."""
EVERY = 8
"""Requests between two looks at the line."""
SPAN = 3.0
"""Labels up to this multiple of the line tell how far predictions are off there."""


@dataclass(frozen=True, slots=True)
class Budget:
    """``per_request``: wrong answers per request; ``per_hit``: per hit, None for no such bound. ``goal``: the share of
    either that is aimed at. ``worst``: predicted error of a hit, in multiples of ``per_request``, that is never
    exceeded. ``memory``: requests after which one counts half."""

    per_request: float = 0.01
    per_hit: float | None = None
    goal: float = 0.7
    worst: float = 8.0
    memory: float = 3_000.0


class _Off:
    """Observed errors in terms of predicted ones; ``firm`` errors as many as predicted are taken to have been seen
    before any."""

    __slots__ = ("_firm", "observed", "predicted", "ratio")

    def __init__(self, firm: float) -> None:
        self._firm = firm
        self.predicted = self.observed = firm
        self.ratio = 1.0

    def see(self, predicted: float, observed: float, fade: float) -> None:
        firm = self._firm
        self.set(firm + (self.predicted - firm) * fade + predicted, firm + (self.observed - firm) * fade + observed)

    def set(self, predicted: float, observed: float) -> None:
        self.predicted, self.observed = max(predicted, self._firm), max(observed, self._firm)
        self.ratio = min(max(self.observed / self.predicted, LEAST_OFF), MOST_OFF)


class Spending:
    """``line``: the highest predicted error of a hit. ``off``: observed errors in terms of predicted ones."""

    __slots__ = ("_above", "_below", "_budget", "_count", "_errors", "_fade", "_hits", "_requests", "_scale", "line")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._errors = [0.0] * BINS
        self._hits = [0.0] * BINS
        self._requests = 0.0
        self._scale = 1.0
        self._count = 0
        self._fade = 0.5 ** (1.0 / budget.memory)
        self._above = _Off(FIRM)
        self._below = _Off(FIRM * 2)
        self.line = min(self._most(), 2.0 * budget.per_request)

    def _most(self) -> float:
        return min(0.5, self._budget.worst * self._budget.per_request)

    def see(self, error: float) -> None:
        """A request whose best candidate is wrong with probability ``error`` (1.0: it has none)."""
        self._scale /= self._fade  # instead of fading all that was
        scale = self._scale
        self._requests += scale
        if error < 1.0:
            place = _place(error)
            self._errors[place] += error * scale
            self._hits[place] += scale
        self._count += 1
        if self._count % EVERY == 0:
            self._draw()

    @property
    def off(self) -> float:
        """Observed errors in terms of predicted ones: of what was given or of what was nearly given, the worse."""
        return max(self._above.ratio, self._below.ratio)

    def label(self, error: float, wrong: bool, weight: float = 1.0, *, given: bool = False) -> None:
        """The best candidate of a request was found right or wrong: one that was ``given``, or one that was not but
        nearly. ``weight``: how many it stands for. The many just above the line say soon how far predictions are off
        there; only checks of what was given say it of the safest."""
        if given:
            self._below.see(error * weight, wrong * weight, self._fade)
        elif error <= SPAN * self.line:
            self._above.see(error * weight, wrong * weight, self._fade)

    def _draw(self) -> None:
        if self._scale > 1e100:
            self._errors = [value / self._scale for value in self._errors]
            self._hits = [value / self._scale for value in self._hits]
            self._requests /= self._scale
            self._scale = 1.0
        budget = self._budget
        allowed = budget.goal * budget.per_request * max(self._requests, LEAST * self._scale) / self.off
        a_hit = math.inf if budget.per_hit is None else budget.goal * budget.per_hit / self.off
        errors = hits = 0.0
        place = 0
        for more, count in zip(self._errors, self._hits, strict=True):
            errors += more
            hits += count
            if errors > allowed or errors > a_hit * hits:
                break
            place += 1
        self.line = min(self._most(), 10.0 ** (place / BINS * _DECADES - _DECADES))

    def dump(self) -> dict[str, Any]:
        scale = self._scale
        return {
            "errors": [value / scale for value in self._errors],
            "hits": [value / scale for value in self._hits],
            "requests": self._requests / scale,
            "predicted": [self._above.predicted, self._below.predicted],
            "observed": [self._above.observed, self._below.observed],
        }

    def load(self, kept: Any) -> bool:
        """Take up what ``dump`` gave; False, and nothing is changed, if it is damaged."""
        try:
            errors, hits = _numbers(kept["errors"], BINS), _numbers(kept["hits"], BINS)
            (requests,) = _numbers([kept["requests"]], 1)
            predicted, observed = _numbers(kept["predicted"], 2), _numbers(kept["observed"], 2)
        except (KeyError, TypeError, ValueError):
            return False
        self._errors, self._hits, self._requests, self._scale = errors, hits, requests, 1.0
        for off, *sums in zip((self._above, self._below), predicted, observed, strict=True):
            off.set(*sums)
        self._draw()
        return True


FIRM = 4.0
"""Errors, as many as predicted, that are taken to have been seen before any; twice as many of what was given."""
LEAST_OFF = 0.5
MOST_OFF = 100.0
LEAST = 300.0
"""Requests that the budget is reckoned for when fewer have been."""


def _place(error: float) -> int:
    return max(0, min(BINS - 1, int((math.log10(max(error, 1e-5)) + _DECADES) / _DECADES * BINS)))


def _numbers(kept: Any, count: int) -> list[float]:
    found = [float(value) for value in kept]
    if len(found) != count or not all(0.0 <= value < math.inf for value in found):
        raise ValueError("numbers")
    return found
