"""Objectives: what is promised, what is left of the error budgets, and alerts when they are spent too fast. Pure.

Enters: windows, in order. Leaves: each objective with its budget, and alerts that open and close. An alert looks at a
long window, so that it matters, and at a twelfth of it, so that it goes on now (Google, The Site Reliability Workbook,
chapter 5, "Alerting on SLOs", approach 6): 2 % of the budget in 1 h, 5 % in 6 h, 10 % in 3 days. One an objective
is enough: the fastest; none opens for what ended five minutes ago, or for time that was never seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from penstock.core.alert import Alert, Severity
from penstock.core.sketch import above
from penstock.core.windows import Window
from penstock.insight.budget import Budget
from penstock.insight.objectives_config import ObjectivesConfig

LEAST_BAD = 5
"""Fewer bad events in the long window are no burn: of few calls one failure is a large share."""
NINETY_FIVE = 0.95


class Rule(NamedTuple):
    """``spent``: of the budget, within ``long`` seconds. ``short``: it must still go on."""

    name: str
    severity: Severity
    spent: float
    long: float
    short: float


RULES = (
    Rule("fast", "critical", 0.02, 3600.0, 300.0),
    Rule("slow", "high", 0.05, 6 * 3600.0, 1800.0),
    Rule("steady", "medium", 0.10, 3 * 86_400.0, 6 * 3600.0),
)


class Objective:
    """``bad`` counts a window: (events, bad ones)."""

    def __init__(self, name: str, what: str, target: float, window: float, limit: float | None = None) -> None:
        self.name = name
        self.what = what
        self.limit = limit
        self.budget = Budget(target, window)

    def __repr__(self) -> str:
        return f"<Objective {self.name}>"


class Objectives:
    """``took`` is given each alert when it opens and when it closes."""

    def __init__(self, config: ObjectivesConfig, took: Callable[[Alert], None]) -> None:
        self._took = took
        self._made = 0
        self._open: dict[tuple[str, str], Alert] = {}
        self._all: dict[str, Objective] = {}
        self._at = 0.0
        self.follow(config)

    def follow(self, config: ObjectivesConfig) -> None:
        """Promise what ``config`` says. A budget whose objective stays as it was goes on."""
        self.config = config
        wanted = [Objective("availability", "calls without an error of the gateway or an upstream", config.availability,
                            config.window),
                  Objective("p95", "calls that spend no more in the gateway itself", NINETY_FIVE, config.window,
                            config.p95)]  # fmt: skip
        wanted += [
            Objective(
                f"ttft_p95 {model}", f"streams of {model} that begin within it", NINETY_FIVE, config.window, limit
            )
            for model, limit in config.ttft_p95.items()
        ]
        kept = {}
        for one in wanted:
            old = self._all.get(one.name)
            same = old is not None and (old.limit, old.budget.target, old.budget.window) == (
                one.limit, one.budget.target, one.budget.window,
            )  # fmt: skip
            kept[one.name] = old if same and old is not None else one
        self._all = kept
        for name in [name for name in self._open if name[0] not in kept]:
            self._close(name, self._at)

    def learn(self, windows: Iterable[Window]) -> None:
        """What was before: counted, without alerts."""
        for window in windows:
            self._count(window)

    def take(self, window: Window) -> None:
        """Count one window, and judge."""
        self._count(window)
        for one in self._all.values():
            for rule in RULES:
                if self._judge(one, rule):
                    break  # it says more than the slower ones would

    def _count(self, window: Window) -> None:
        self._at = max(self._at, window.start + window.seconds)
        for one in self._all.values():
            total, bad = counted(one, window)
            one.budget.add(window.start, total, bad)

    def _judge(self, one: Objective, rule: Rule) -> bool:
        """Whether the alert of ``rule`` stands now."""
        budget, now, name = one.budget, self._at, (one.name, rule.name)
        if rule.long > budget.window:
            return False
        most = burn_of(rule, budget.window)
        short = budget.burn(now, rule.short)
        known = self._open.get(name)
        if known is not None:
            if short < most:
                self._close(name, now)
            return short >= most
        if short < most or budget.burn(now, RULES[0].short) < most:
            return False
        long = budget.counted(now, rule.long)
        burn = long.share / budget.allowed
        began = now if budget.began is None else budget.began
        if burn * min(1.0, (now - began) / rule.long) >= most and long.bad >= LEAST_BAD:
            self._made += 1
            left = budget.left(now)
            text = (
                f"{one.name}: {long.bad} of {long.total} calls broke it in the last {_hours(rule.long)}, the error"
                f" budget is spent {burn:.1f} times too fast; {max(0.0, left):.0%} of it is left"
            )
            self._open[name] = Alert(
                id=f"o{self._made}", name=f"objective_{one.name.replace(' ', '_')}_{rule.name}", severity=rule.severity,
                text=text, opened=now,
                facts={"objective": one.name, "target": budget.target, "burn": round(burn, 2), "left": round(left, 4),
                       "bad": long.bad, "total": long.total, "seconds": rule.long},
            )  # fmt: skip
            self._took(self._open[name])
        return name in self._open

    def _close(self, name: tuple[str, str], at: float) -> None:
        alert = self._open.pop(name)
        alert.closed = at
        self._took(alert)

    @property
    def open(self) -> list[Alert]:
        """The alerts that stand."""
        return list(self._open.values())

    def told(self) -> list[dict[str, Any]]:
        """Each objective, plainly. ``good`` is None before there was a call."""
        now, rows = self._at, []
        for one in self._all.values():
            budget = one.budget
            whole = budget.counted(now, budget.window)
            rows.append({
                "name": one.name, "what": one.what, "target": budget.target, "limit_seconds": one.limit,
                "window_seconds": budget.window, "since": budget.began, "total": whole.total, "bad": whole.bad,
                "good": 1.0 - whole.share if whole.total else None,
                "met": whole.share <= budget.allowed + 1e-12, "budget_left": round(budget.left(now), 4),
                "burn": {_hours(seconds): round(budget.burn(now, seconds), 3)
                         for rule in RULES for seconds in (rule.short, rule.long)},
                "alerts": [alert.name for (name, _), alert in self._open.items() if name == one.name],
            })  # fmt: skip
        return rows

    def __repr__(self) -> str:
        return f"<Objectives {', '.join(self._all)}; {len(self._open)} alerts>"


def burn_of(rule: Rule, window: float) -> float:
    """How many times too fast the budget of ``window`` seconds is spent when ``rule`` is broken: 14.4 for 2 % of 30
    days in an hour; never less than evenly."""
    return max(1.0, rule.spent * window / rule.long)


def counted(one: Objective, window: Window) -> tuple[int, int]:
    """Events and bad ones. Calls that their callers left, or got wrong, are nobody's."""
    total = bad = 0
    if one.limit is None:
        for group in window.groups:
            total += group.calls - group.faults.get("caller", 0) - group.faults.get("left", 0)
            bad += group.failed
        return max(0, total), bad
    model = one.name.partition(" ")[2]
    for group in window.groups:
        if model in ("", group.model):
            sketch = group.firsts if model else group.overheads
            total += sum(sketch.values())
            bad += above(sketch, one.limit)
    return total, bad


def _hours(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.0f}m"
    return f"{seconds / 3600:.0f}h" if seconds < 86_400 else f"{seconds / 86_400:.0f}d"
