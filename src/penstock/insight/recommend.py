"""Recommendations: what a person might change, dearest first, each with its benefit from own numbers. Pure.

Enters: totals of a span, what stands, how the gateway is set. Leaves: recommendations with actions, most with the line
of config that does it. Never done by itself: what may be is the optimizer's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from penstock.insight.findings import Recommendation
from penstock.insight.recommending import calls, capacity
from penstock.insight.recommending.known import LEAST_CALLS, LEAST_SECONDS, Known

PRIORITIES = ("high", "medium", "low")
FROM_STATE: tuple[Callable[[Known], Iterator[Recommendation]], ...] = (
    capacity.leak, capacity.machine, capacity.replicas, capacity.memory, capacity.connections, calls.prefixes,
)  # fmt: skip
FROM_CALLS: tuple[Callable[[Known], Iterator[Recommendation]], ...] = (
    calls.hit_rate, calls.dear, calls.timeouts, calls.hedges, calls.batches,
)  # fmt: skip
"""These want a number of calls and some minutes to stand upon."""


def recommendations(known: Known) -> list[Recommendation]:
    """By priority, then by effort; the first of two that say the same stays."""
    enough = known.totals.whole.calls >= LEAST_CALLS and known.totals.seconds >= LEAST_SECONDS
    makers = FROM_STATE + (FROM_CALLS if enough else ())
    found: dict[tuple[str, str], Recommendation] = {}
    for make in makers:
        for one in make(known):
            found.setdefault((one.type, one.title), one)
    return sorted(found.values(), key=lambda one: (PRIORITIES.index(one.priority), PRIORITIES[::-1].index(one.effort)))
