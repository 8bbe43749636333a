"""A rule made a policy: its number within bounds, not sooner after the last change than the pauses let it. Pure.

Enters: what is seen. Leaves: a Decision with action, cost and reason. Bounds are kept at once, pause or not.
"""

from __future__ import annotations

import math

from penstock.scaling.bounds import Bounds
from penstock.scaling.rule import Rule
from penstock.scaling.seen import Action, Decision, Seen


class Sized:
    """A Policy. ``pause_out``, ``pause_in``: seconds before more are asked for again, and before any are taken away;
    ``price``: dollars an hour of one."""

    def __init__(self, rule: Rule, bounds: Bounds, pause_out: float, pause_in: float, price: float = 0.0) -> None:
        self.name = rule.name
        self._rule = rule
        self._bounds = bounds
        self._pause_out, self._pause_in = pause_out, pause_in
        self._price = price
        self._grown = self._shrunk = -math.inf

    def decide(self, seen: Seen) -> Decision:
        """See the module."""
        least, most = self._bounds.at(seen.at, seen.starts)
        need = self._rule.need(seen)
        wanted, reason = need.wanted, need.reason
        if not seen.standing and seen.waiting and wanted < 1:
            wanted, reason = 1, f"{seen.waiting:.0f} calls wait and nothing stands"
        if not least <= wanted <= most:
            reason = f"{wanted} by the rule, {least} to {most} may be: {reason}"
            wanted = min(most, max(least, wanted))
        if not least <= seen.wanted <= most:
            return self._decision(seen, wanted, reason, need.confidence)
        urgent = need.urgent or seen.waiting > 0
        if wanted > seen.wanted and not urgent and seen.at - self._grown < self._pause_out:
            wanted, reason = seen.wanted, f"grown {seen.at - self._grown:.0f} s ago: {reason}"
        elif wanted < seen.wanted and (since := seen.at - max(self._grown, self._shrunk)) < self._pause_in:
            wanted, reason = seen.wanted, f"changed {since:.0f} s ago: {reason}"
        return self._decision(seen, wanted, reason, need.confidence)

    def _decision(self, seen: Seen, wanted: int, reason: str, confidence: float) -> Decision:
        more = wanted - seen.wanted
        action: Action = "hold" if not more else "scale_up" if more > 0 else "scale_down"
        if more > 0:
            self._grown = seen.at
        elif more < 0:
            self._shrunk = seen.at
        return Decision(seen.at, wanted, action, reason, confidence, more * self._price)

    def __repr__(self) -> str:
        return f"<Sized by {self.name}, {self._bounds!r}>"
