"""Which steps are on. Pure.

Enters: the load, the level of memory pressure, the moment. Leaves: what a call of each class has to do without. A step
goes on at its level, and off below a lower one when nothing has asked for it for a while: it does not flutter. May
fail: not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from penstock.core.priority import NAMES
from penstock.degrade.config import StepConfig

_BELOW = 0.8
"""Of ``at``: where a step ends that does not say."""


class Relief(NamedTuple):
    """What a call does without. 0 and "": nothing of that kind."""

    max_tokens: int = 0
    model: str = ""
    cache_ttl: float = 0.0


class Ladder:
    """See the module."""

    def __init__(self, steps: Sequence[StepConfig]) -> None:
        self._steps = steps
        self._until: list[float | None] = [None] * len(steps)  # the moment until which each stays on
        self.on: tuple[int, ...] = ()
        self._reliefs: tuple[Relief | None, ...] = (None,) * len(NAMES)

    def reliefs(self, load: float, level: int, now: float) -> tuple[Relief | None, ...]:
        """By the number of the class; None where its calls are served whole."""
        until = self._until
        changed = False
        for number, step in enumerate(self._steps):
            if (step.at is not None and load >= step.at) or (step.pressure is not None and level >= step.pressure):
                changed |= until[number] is None
                until[number] = now + step.hold
                continue
            end = until[number]
            if end is None:
                continue
            if step.at is not None and load >= (step.at * _BELOW if step.until is None else step.until):
                until[number] = now + step.hold
            elif now >= end:
                until[number] = None
                changed = True
        if changed:
            self.on = tuple(number for number, end in enumerate(until) if end is not None)
            self._reliefs = tuple(self._relief(name) for name in NAMES)
        return self._reliefs

    def _relief(self, name: str) -> Relief | None:
        max_tokens, model, cache_ttl = Relief()
        for number in self.on:
            step = self._steps[number]
            if name not in step.classes:
                continue
            if step.max_tokens is not None:
                max_tokens = min(max_tokens or step.max_tokens, step.max_tokens)
            model = step.model or model
            cache_ttl = max(cache_ttl, step.cache_ttl or 0.0)
        found = Relief(max_tokens, model, cache_ttl)
        return found if any(found) else None

    def __repr__(self) -> str:
        return f"<Ladder {len(self.on)} of {len(self._steps)} steps on>"
