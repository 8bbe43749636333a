"""Kubernetes' HorizontalPodAutoscaler on the calls a replica holds. Pure.

desired = ceil(current x metric / target) outside a tolerance; up at most by 100 % or 4 pods per 15 s, whichever is
more; down to the highest desire of the last 300 s. Source: kubernetes.io, "Horizontal Pod Autoscaling" (algorithm
details and the default behaviour), 1.33.
"""

from __future__ import annotations

import math
from collections import deque

from penstock.scaling.seen import Decision, Seen

TOLERANCE = 0.1
STABLE = 300.0
PERIOD = 15.0


class Hpa:
    """A Policy. ``target``: use of what a replica carries that is aimed at."""

    name = "hpa"

    def __init__(self, target: float, tolerance: float = TOLERANCE, stable: float = STABLE) -> None:
        self._target = target
        self._tolerance = tolerance
        self._stable = stable
        self._said: deque[tuple[float, int]] = deque()
        self._ups: deque[tuple[float, int]] = deque()

    def decide(self, seen: Seen) -> Decision:
        """The rule. Pods that start have no metric: where it asks for more they count as idle, else not at all."""
        current = seen.wanted
        use = pool_use(seen)
        desired = current
        if seen.ready:
            ratio = use / seen.ready / self._target
            if ratio > 1 and seen.starting:
                ratio = max(1.0, use / max(1, seen.standing) / self._target)
            counted = seen.standing if ratio > 1 else seen.ready
            if abs(ratio - 1.0) > self._tolerance:
                desired = math.ceil(ratio * counted - 1e-9)
        elif use > 0:
            desired = max(1, current)
        said = self._said
        said.append((seen.at, desired))
        while seen.at - said[0][0] > self._stable:
            said.popleft()
        wanted = max(current if desired >= current else 0, desired)
        if desired < current:
            wanted = min(current, max(one for _, one in said))
        elif desired > current:
            wanted = min(desired, self._limit(seen.at, current))
            self._ups.append((seen.at, wanted - current))
        return Decision(seen.at, wanted, "hold", "hpa")

    def _limit(self, now: float, current: int) -> int:
        while self._ups and now - self._ups[0][0] >= PERIOD:
            self._ups.popleft()
        began = current - sum(one for _, one in self._ups)
        return max(2 * began, began + 4)


def pool_use(seen: Seen) -> float:
    """Calls at replicas and waiting, in replicas that they fill at the goal."""
    response = seen.response or 1.0
    full = seen.carries * response  # work in flight at one replica that is full
    a_call = seen.load / seen.requests if seen.requests > 0 else 0.0
    return (seen.load * response + seen.waiting * a_call) / full if full > 0 else 0.0
