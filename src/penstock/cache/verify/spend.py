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


class Spending:
    """``line``: the highest predicted error of a hit. ``off``: observed errors in terms of predicted ones."""

    __slots__ = ("_budget", "_count", "_errors", "_fade", "_hits", "_observed", "_predicted", "_requests", "_scale",
                 "line", "off")  # fmt: skip

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._errors = [0.0] * BINS
        self._hits = [0.0] * BINS
        self._requests = 0.0
        self._scale = 1.0
        self._count = 0
        self._fade = 0.5 ** (1.0 / budget.memory)
        self._predicted = self._observed = FIRM
        self.off = 1.0
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

    def label(self, error: float, wrong: bool, weight: float = 1.0) -> None:
        """The best candidate of a request was found right or wrong. ``weight``: how many it stands for."""
        if error > SPAN * self.line:
            return
        self._predicted = FIRM + (self._predicted - FIRM) * self._fade + error * weight
        self._observed = FIRM + (self._observed - FIRM) * self._fade + wrong * weight
        self.off = min(max(self._observed / self._predicted, 0.5), 5.0)

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
            "predicted": self._predicted,
            "observed": self._observed,
        }

    def load(self, kept: object) -> bool:
        """Take up what ``dump`` gave; False, and nothing is changed, if it is damaged."""
        try:
            errors, hits = _numbers(kept, "errors"), _numbers(kept, "hits")
            requests, predicted, observed = (_number(kept, name) for name in ("requests", "predicted", "observed"))
        except (KeyError, TypeError, ValueError):
            return False
        self._errors, self._hits, self._requests, self._scale = errors, hits, requests, 1.0
        self._predicted, self._observed = max(predicted, FIRM), max(observed, FIRM)
        self.off = min(max(self._observed / self._predicted, 0.5), 5.0)
        self._draw()
        return True


FIRM = 4.0
"""Errors as many as predicted, that are taken to have been seen before any."""
LEAST = 300.0
"""Requests that the budget is reckoned for when fewer have been."""


def _place(error: float) -> int:
    return max(0, min(BINS - 1, int((math.log10(max(error, 1e-5)) + _DECADES) / _DECADES * BINS)))


def _number(kept: Any, name: str) -> float:
    value = float(kept[name])
    if not 0.0 <= value < math.inf:
        raise ValueError(name)
    return value


def _numbers(kept: Any, name: str) -> list[float]:
    found = [float(value) for value in kept[name]]
    if len(found) != BINS or not all(0.0 <= value < math.inf for value in found):
        raise ValueError(name)
    return found
