"""What is watched of calls: the table of measures, and what must hold before a change of one is told. Pure.

A change is flagged when it is larger than its ``gate`` and very unlikely (``SURE``), or passes the ``rule`` of the
configuration and is unlikely (``CLEAR``); half of the gate makes a suspect, which may explain what others show.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from penstock.insight.anomalies.rows import AT, Scope
from penstock.insight.anomaly_config import AnomalyConfig
from penstock.insight.baseline import How, Verdict

SPANS = (2, 4, 8, 12)
"""Windows over which each measure is judged."""
SURE, CLEAR, SUSPECT = 5.3, 4.6, 3.0
PATIENT = 0.6
"""So much less must a change show that has been suspected for a minute: what comes by chance does not stay."""
PART, PAIR = 0.3, 1.0
"""So much more must a model or an upstream show than the whole gateway, and a model at an upstream: they are many."""
FEWEST = 1.0
"""Of b, for who only compares."""


class Measure(NamedTuple):
    """``up`` and ``down``: the factor by which it must have changed (None: that way is no fault); of a share ``up`` is
    a difference. ``rule`` (up or down, as there is) has less to prove. ``least``: of b over the span. ``where``: in
    which scopes it is judged: (g)ateway, (m)odel, (u)pstream, (p)air. ``opens``: whether it is told by itself.
    ``wide``: a and b in scopes of several pairs, where what is usual for each of them is taken off before: another mix
    of them is no change. ``parts``: how much stricter it is in parts of the gateway than others are."""

    name: str
    how: How
    a: str
    b: str
    up: float | None = None
    down: float | None = None
    rule: float | None = None
    least: float = 8
    floor: float = 0.0
    where: str = "gmup"
    opens: bool = True
    wide: tuple[str, str] | None = None
    parts: float = 1.0

    def fields(self, scope: Scope) -> tuple[int, int]:
        """The places of a and b in a row of ``scope``."""
        a, b = (self.a, self.b) if self.wide is None or None not in scope else self.wide
        return AT[a], AT[b]


def measures(config: AnomalyConfig) -> tuple[Measure, ...]:
    """All, with the rules of ``config``."""
    few = float(config.least_calls)
    return (
        Measure(
            "first_token",
            "log",
            "log_first",
            "firsts",
            up=1.45,
            rule=config.latency,
            least=few,
            wide=("off_first", "known_first"),
        ),
        Measure(
            "token_gap",
            "log",
            "log_gap",
            "gaps",
            up=1.45,
            rule=1 / config.token_rate,
            least=few,
            wide=("off_gap", "known_gap"),
        ),
        Measure("upstream_errors", "share", "upstream_faults", "calls", up=0.08, least=few),
        Measure("gateway_errors", "share", "gateway_faults", "calls", up=0.08, least=few),
        Measure("caller_errors", "share", "caller_faults", "calls", up=0.25, least=2 * few, where="gm"),
        Measure("retried", "share", "retried", "calls", up=0.1, least=few),
        Measure(
            "hit_rate",
            "share",
            "hits",
            "looked_up",
            down=0.8,
            rule=config.hit_rate,
            least=2 * few,
            where="gm",
            parts=3.0,
        ),
        Measure("calls", "count", "calls", "windows", up=2.0, down=0.5, rule=2.0, least=2.5 * few, parts=4.0),
        Measure("prompt_tokens", "ratio", "tokens_in", "ended", up=1.4, rule=1.8, least=2.5 * few, parts=3.0),
        Measure("prompt_calls", "ratio", "tokens_in", "calls", up=1.4, least=2.5 * few),
        Measure("answer_tokens", "ratio", "tokens_out", "ended", down=0.65, rule=0.5, least=2.5 * few, parts=3.0),
        Measure("price", "ratio", "cost", "should_cost", up=1.2, rule=1.5, least=1.0),
        Measure("queue", "ratio", "queued", "calls", up=3.0, least=few, floor=0.1, where="gm"),
        Measure("overhead", "ratio", "overhead", "calls", up=3.0, least=few, floor=0.02, where="g", opens=False),
        Measure("connecting", "ratio", "connecting", "calls", up=3.0, least=few, floor=0.03, opens=True),
    )


HELPERS = ("prompt_calls",)
"""Judged only for others."""
BESIDE = {"first_token": ("prompt_tokens",), "prompt_tokens": ("prompt_calls",)}
"""What else must be known to judge a measure."""


def stands(measure: Measure, scope: Scope) -> bool:
    """Whether it is judged there."""
    model, upstream = scope
    return (
        "g" if model is upstream is None else "m" if upstream is None else "u" if model is None else "p"
    ) in measure.where


def enough(measure: Measure, a: float, b: float, level: float | None) -> bool:
    """Whether there are calls enough to tell."""
    if measure.how == "count":
        return max(a, b * (level or 0.0)) >= measure.least
    return b >= measure.least


def changed(measure: Measure, verdict: Verdict, part: float = 1.0) -> bool:
    """Whether the change passes the gate; with ``part`` a smaller one."""
    return _passes(measure, verdict, measure.up, measure.down, part)


def passes_rule(measure: Measure, verdict: Verdict) -> bool:
    """Whether it passes the rule of the configuration."""
    rule = measure.rule
    if rule is None:
        return False
    if measure.up and measure.down:
        return _passes(measure, verdict, rule, 1 / rule, 1.0)
    return _passes(measure, verdict, rule if measure.up else None, rule if measure.down else None, 1.0)


def _passes(measure: Measure, verdict: Verdict, up: float | None, down: float | None, part: float) -> bool:
    actual, expected, change = verdict.actual, verdict.expected, verdict.change
    if measure.how == "share":
        if up is not None:
            return change >= up * part and actual >= 2 * part * expected
        return down is not None and actual <= expected * (1 - (1 - down) * part)
    if up is not None and change >= part * math.log(up):
        return actual >= measure.floor
    return down is not None and change <= part * math.log(down)


def flagged(measure: Measure, verdict: Verdict, more: float = 0.0) -> bool:
    """Whether a change is large and unlikely enough to be told; by ``more`` than usual."""
    size = abs(verdict.off) - more
    return (size >= SURE and changed(measure, verdict)) or (size >= CLEAR and passes_rule(measure, verdict))


def suspect(measure: Measure, verdict: Verdict) -> bool:
    """Whether it may explain others."""
    return abs(verdict.off) >= SUSPECT and changed(measure, verdict, 0.5)


def adjusted(name: str, verdict: Verdict, others: dict[str, Verdict]) -> Verdict:
    """What is left of a change when what explains it by itself is taken away: longer prompts of later first tokens (at
    most as much later as they are longer), and of longer prompts the tokens of calls that failed."""
    if name == "prompt_tokens":
        known = [*others.values(), verdict]
        least = min(known, key=lambda one: one.change)
        return verdict._replace(change=least.change, off=min(one.off for one in known))
    prompts = others.get("prompt_tokens")
    if prompts is not None and prompts.off >= SUSPECT and prompts.change > 0.2 and verdict.change > 0:
        left = max(0.0, verdict.change - prompts.change)
        return verdict._replace(change=left, off=verdict.off * left / verdict.change)
    return verdict
