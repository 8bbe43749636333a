"""Knative's pod autoscaler: concurrency over a stable window, and over a short one in panic. Pure.

desired = ceil(mean concurrency of 60 s / target); panic while that of 6 s asks for twice what stands: then the higher,
never down, until 60 s after. Up at most tenfold, down at most by half; to zero after 30 s. Source: knative.dev, "About
autoscaling"; knative/serving pkg/autoscaler/scaling/autoscaler.go.
"""

from __future__ import annotations

import math
from collections import deque

from penstock.scaling.seen import Decision, Seen
from penstock.simulate.scaling.rivals.hpa import pool_use

STABLE, PANIC = 60.0, 6.0
PANIC_AT = 2.0
MOST_UP, MOST_DOWN = 1000.0, 2.0


class Kpa:
    """A Policy. ``target``: use of what a replica carries; ``stable``: seconds (AIBrix asks for 180, and panics by
    60)."""

    name = "kpa"

    def __init__(self, target: float, stable: float = STABLE, panic: float = PANIC) -> None:
        self._target = target
        self._stable, self._panic = stable, panic
        self._seen: deque[tuple[float, float]] = deque()
        self._until = -math.inf
        self._peak = 0

    def decide(self, seen: Seen) -> Decision:
        """The rule."""
        kept = self._seen
        kept.append((seen.at, pool_use(seen)))
        while kept[0][0] <= seen.at - self._stable:
            kept.popleft()
        recent = [use for at, use in kept if at > seen.at - self._panic] or [kept[-1][1]]
        ready = max(1, seen.ready)
        stable = math.ceil(sum(use for _, use in kept) / len(kept) / self._target - 1e-9)
        panic = math.ceil(sum(recent) / len(recent) / self._target - 1e-9)
        up, down = math.ceil(MOST_UP * ready), math.floor(ready / MOST_DOWN)
        stable, panic = (min(up, max(down, one)) for one in (stable, panic))
        if panic / ready >= PANIC_AT:
            if seen.at > self._until:
                self._peak = 0
            self._until = seen.at + self._stable
        if seen.at <= self._until:
            self._peak = max(self._peak, stable, panic)
            stable = max(self._peak, seen.wanted)
        return Decision(seen.at, stable, "hold", "kpa")
