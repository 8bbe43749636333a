"""Target tracking: as many replicas as bring the load of each to a share of what it carries. Pure.

Source: the rule of Kubernetes' horizontal autoscaler, desired = ceil(current x metric / target). It needs no forecast,
and is what others are compared with.
"""

from __future__ import annotations

import math

from penstock.scaling.rule import Need, unknown
from penstock.scaling.seen import Seen


class Tracking:
    """A Rule. ``target``: share of what a replica carries."""

    name = "tracking"

    def __init__(self, target: float) -> None:
        self._target = target

    def need(self, seen: Seen) -> Need:
        """What is not known yet holds."""
        carries = seen.carries * self._target
        if carries <= 0:
            return unknown(seen, "what a replica carries is not known yet")
        wanted = math.ceil(seen.load / carries - 1e-9)
        return Need(wanted, f"load {seen.load:.4g}, a replica is to take {carries:.4g}")
