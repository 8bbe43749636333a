"""What an experiment may move or hurt, read from a window. Pure.

Enters: a window. Leaves: numbers by name; what a window cannot tell is absent. ``level`` is the scale on which they
are compared: the logarithm of what is a ratio, so that twice and half are equally far, and a share as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from penstock.core.sketch import count, quantile
from penstock.core.windows import Group, Window

LEAST_CALLS = 5
"""A window with fewer tells nothing of calls."""
LEAST_LOOKUPS = 10


class Measure(NamedTuple):
    """``better``: 1 where more is better, -1 where less is. ``of``: the reading that says of how many it is a share;
    where these are few, it is left to chance. ``slack``: how much worse a guard may get on its own scale;
    None: as the config says. ``ceiling``: what it must never pass."""

    name: str
    better: int
    share: bool = False
    of: str = ""
    slack: float | None = None
    ceiling: float | None = None

    def level(self, value: float) -> float | None:
        """On the scale of comparison; None where it has no place there."""
        if self.share:
            return value
        return math.log(value) if value > 0 else None

    def value(self, level: float) -> float:
        """Back from it."""
        return level if self.share else math.exp(level)

    def change(self, difference: float) -> float:
        """A difference of levels, told as a share of what it was (of a share: in points)."""
        return difference if self.share else math.expm1(difference)

    def least(self, share: float) -> float:
        """On its scale, the least effect that counts: of a share half as many points."""
        return share / 2 if self.share else math.log1p(share)

    def tolerance(self, guard: float) -> float:
        """How much worse it may get, on its scale, where a guard of ``guard`` is configured."""
        if self.slack is not None:
            return self.slack
        return guard if self.share else math.log1p(guard)


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("ttft_p95", -1),
        Measure("latency_p95", -1),
        Measure("latency_mean", -1),
        Measure("token_rate", 1),
        Measure("goodput", 1),
        Measure("cost_per_call", -1),
        Measure("collector_pause", -1),
        Measure("hit_rate", 1, share=True, of="lookups", slack=0.1),
        Measure("error_share", -1, share=True, of="calls", slack=0.02),
        Measure("dislikes", -1, share=True, of="opinions", slack=0.05),
        Measure("memory", -1, share=True, slack=0.1, ceiling=0.9),
    )
}
ALWAYS = ("error_share", "latency_p95")
"""Guards of every experiment that does not move them."""


def readings(window: Window) -> dict[str, float]:
    """All that ``window`` can tell."""
    whole = window.group()
    found: dict[str, float] = {"calls": float(whole.calls), "lookups": float(whole.looked_up)}
    for name, read in _OF_CALLS.items():
        value = read(whole, window)
        if value is not None:
            found[name] = value
    for gauge in ("memory", "collector_pause"):
        if gauge in window.gauges:
            found[gauge] = window.gauges[gauge]
    number = sum(given for given, _ in window.feedback.values())
    if number >= LEAST_CALLS:
        found["opinions"] = float(number)
        found["dislikes"] = 1.0 - sum(score for _, score in window.feedback.values()) / number
    return found


def _tail(sketch: Mapping[int, int]) -> float | None:
    return quantile(sketch, 0.95) if count(sketch) >= LEAST_CALLS else None


def _busy(group: Group, value: Callable[[], float]) -> float | None:
    return value() if group.calls >= LEAST_CALLS else None


_OF_CALLS: Mapping[str, Callable[[Group, Window], float | None]] = {
    "ttft_p95": lambda group, _: _tail(group.firsts),
    "latency_p95": lambda group, _: _tail(group.totals),
    "latency_mean": lambda group, _: _busy(group, lambda: group.total / group.calls),
    "token_rate": lambda group, _: group.tokens_out / group.generating if group.generating > 0 else None,
    "goodput": lambda group, window: _busy(group, lambda: (group.calls - group.failed) / window.seconds),
    "error_share": lambda group, _: _busy(group, lambda: group.failed / group.calls),
    "cost_per_call": lambda group, _: group.cost / group.calls if group.calls >= LEAST_CALLS and group.cost else None,
    "hit_rate": lambda group, _: group.hits / group.looked_up if group.looked_up >= LEAST_LOOKUPS else None,
}
