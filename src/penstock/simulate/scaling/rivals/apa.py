"""AIBrix's pod autoscaler. Pure.

desired = ceil(current x use / target) outside a fluctuation tolerance of a tenth up and down; at most twice as many at
once, at least half; use is a mean of 60 s; down only 300 s after a change. Source: vllm-project/aibrix
pkg/controller/podautoscaler/algorithm/apa.go and docs/source/features/autoscaling.
"""

from __future__ import annotations

import math
from collections import deque

from penstock.scaling.seen import Decision, Seen
from penstock.simulate.scaling.rivals.hpa import pool_use

TOLERANCE_UP = TOLERANCE_DOWN = 0.1
MOST_UP, MOST_DOWN = 2.0, 2.0
WINDOW, COOLDOWN = 60.0, 300.0


class Apa:
    """A Policy. ``target``: use of what a replica carries."""

    name = "apa"

    def __init__(self, target: float, cooldown: float = COOLDOWN) -> None:
        self._target = target
        self._cooldown = cooldown
        self._seen: deque[tuple[float, float]] = deque()
        self._changed = -math.inf

    def decide(self, seen: Seen) -> Decision:
        """The rule."""
        kept = self._seen
        kept.append((seen.at, pool_use(seen)))
        while kept[0][0] <= seen.at - WINDOW:
            kept.popleft()
        current = max(1, seen.standing)
        each = sum(use for _, use in kept) / len(kept) / current
        wanted = seen.wanted
        if each / self._target > 1 + TOLERANCE_UP:
            wanted = min(math.ceil(MOST_UP * current), math.ceil(current * each / self._target - 1e-9))
        elif each / self._target < 1 - TOLERANCE_DOWN and seen.at - self._changed >= self._cooldown:
            wanted = max(math.floor(current / MOST_DOWN), math.ceil(current * each / self._target - 1e-9))
        if wanted != seen.wanted:
            self._changed = seen.at
        return Decision(seen.at, wanted, "hold", "apa")
