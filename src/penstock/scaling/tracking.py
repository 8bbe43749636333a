"""Target tracking: as many replicas as bring the load of each to a share of what it carries. Pure.

Source: the rule of Kubernetes' horizontal autoscaler, desired = ceil(current x metric / target), with the cool-downs
of the specification. It needs no forecast, and is what others are compared with.
"""

from __future__ import annotations

import math

from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.seen import Action, Decision, Seen


class Tracking:
    """A Policy between ``least`` and ``most`` replicas."""

    name = "tracking"

    def __init__(self, config: PolicyConfig, least: int, most: int) -> None:
        self._config = config
        self._least, self._most = least, most
        self._grown = self._shrunk = -math.inf

    def decide(self, seen: Seen) -> Decision:
        """The rule; what is not known yet holds."""
        config = self._config
        carries = seen.carries * config.target
        wanted = seen.wanted if carries <= 0 else math.ceil(seen.load / carries - 1e-9)
        if seen.waiting and not seen.standing:
            wanted = max(1, wanted)
        wanted = min(self._most, max(self._least, wanted))
        action: Action = "hold"
        if wanted > seen.wanted and (seen.waiting or seen.at - self._grown >= config.cooldown_out):
            self._grown, action = seen.at, "scale_up"
        elif wanted < seen.wanted and seen.at - max(self._grown, self._shrunk) >= config.cooldown_in:
            self._shrunk, action = seen.at, "scale_down"
        reason = f"load {seen.load:.4g}, {seen.wanted} replicas aim at {carries:.4g} each"
        return Decision(seen.at, seen.wanted if action == "hold" else wanted, action, reason)
