"""Least load: the shortest time to drain what waits, and a barrier as the KV cache fills.

waiting tokens / throughput + 0.15 · k / (1 − k), throughput 2,000 tokens a second unless told (``least_load.rs`` of
SGLang's gateway, SMG). There tokens come from polls each 10 s, with those sent since added, and calls of unknown length
count as 1,024; here it is given the exact count of each moment, which can only help it. It knows nothing of caches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.routing.ask import Ask
from penstock.routing.targets import Target

THROUGHPUT = 2000.0
BARRIER = 0.15


class LeastLoad:
    """``uniform(a, b)`` draws where to begin among equals."""

    prefix = False
    largest = False

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """See the module."""
        count = len(targets)
        start = int(self._uniform(0, count))
        best, least = targets[0], -1.0
        for offset in range(count):
            target = targets[(start + offset) % count]
            seconds = score(target, ask)
            if least < 0.0 or seconds < least:
                best, least = target, seconds
        return best

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """Its seconds."""
        return {"seconds": score(target, ask)}

    def __repr__(self) -> str:
        return "<LeastLoad>"


def score(target: Target, ask: Ask) -> float:
    """See the module."""
    kv = min(target.load.kv(ask.now), 0.999)
    return target.load.waiting / THROUGHPUT + BARRIER * kv / (1.0 - kv)
