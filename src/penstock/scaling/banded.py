"""The specification's step scaling: bands of the composite metric add replicas, tracking it takes some away. Pure.

Enters: response time, token rate and hit rate of a pool. Leaves: how many replicas. Where both speak the larger
counts, as where several policies of AWS stand side by side.
"""

from __future__ import annotations

import math

from penstock.scaling.composite import composite
from penstock.scaling.rule import Need, unknown
from penstock.scaling.seen import Seen
from penstock.scaling.steps import Steps

TRACKED = 50.0


class Banded:
    """A Rule."""

    name = "steps"

    def __init__(self) -> None:
        self._steps = Steps(least=0)

    def need(self, seen: Seen) -> Need:
        """What is not known yet holds."""
        if seen.response is None:
            return unknown(seen, "no call has ended lately")
        metric = composite(seen.response, seen.token_rate, min(1.0, max(0.0, seen.hit_rate)))
        more = self._steps.change(metric)
        wanted = seen.wanted + more if more else min(seen.wanted, math.ceil(seen.wanted * metric / TRACKED - 1e-9))
        return Need(wanted, f"the composite metric is {metric:.1f}: {more} more by its band")
