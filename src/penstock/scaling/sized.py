"""A rule made a policy: its number within bounds, not sooner after the last change than the pauses let it. Pure.

Enters: what is seen. Leaves: a Decision with action, cost and reason. Bounds are kept at once, pause or not. The last
replica stays for that pause after the last call, too: calls that come now and then do not each wait for a start.
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
        self._grown = self._shrunk = self._busy = -math.inf

    def decide(self, seen: Seen) -> Decision:
        """See the module."""
        if not seen.is_idle:
            self._busy = seen.at
        least, most = self._bounds.at(seen.at, seen.starts)
        need = self._rule.need(seen)
        wanted, reason = need.wanted, need.reason
        if not seen.standing and seen.waiting and wanted < 1:
            wanted, reason = 1, f"{seen.waiting:.0f} calls wait and nothing stands"
        if wanted < least:
            wanted, reason = least, f"at least {least} by min and schedules, {wanted} by the rule: {reason}"
        elif wanted > most:
            wanted, reason = most, f"at most {most} by max, schedules and ceiling, {wanted} by the rule: {reason}"
        if not least <= seen.wanted <= most:
            return self._decision(seen, wanted, reason, need.confidence, most)
        urgent = need.urgent or seen.waiting > 0
        if wanted > seen.wanted and not urgent and seen.at - self._grown < self._pause_out:
            wanted, reason = seen.wanted, f"grown {seen.at - self._grown:.0f} s ago: {reason}"
        elif wanted < seen.wanted and (since := seen.at - max(self._grown, self._shrunk)) < self._pause_in:
            wanted, reason = seen.wanted, f"changed {since:.0f} s ago: {reason}"
        elif wanted < 1 <= seen.wanted and (since := seen.at - self._busy) < self._pause_in:
            wanted, reason = 1, f"the last call was {since:.0f} s ago: {reason}"
        return self._decision(seen, wanted, reason, need.confidence, most)

    def _decision(self, seen: Seen, wanted: int, reason: str, confidence: float, most: int) -> Decision:
        more = wanted - seen.wanted
        action: Action = "hold" if not more else "scale_up" if more > 0 else "scale_down"
        if more > 0:
            self._grown = seen.at
        elif more < 0:
            self._shrunk = seen.at
        return Decision(seen.at, wanted, action, reason, confidence, more * self._price, barred=not most)

    def __repr__(self) -> str:
        return f"<Sized by {self.name}, {self._bounds!r}>"
