"""A window's calls as plain sums, for the gateway, each model, each upstream and each pair of them. Pure.

Enters: windows. Leaves: a ``Row`` of numbers by scope, which add up over windows. Times are sums of logarithms, which a
sketch gives at no cost: its bins are logarithms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from penstock.core.sketch import LOWEST, PER_LOG
from penstock.core.windows import Group, Window

Scope = tuple[str | None, str | None]
"""(model, upstream); None stands for any."""
GATEWAY: Scope = (None, None)
MOST_SCOPES = 100
"""At one time; calls of more models and upstreams are in the larger scopes only."""
FIELDS = (
    "windows", "calls", "ended", "upstream_faults", "gateway_faults", "caller_faults", "looked_up", "hits", "tokens_in",
    "tokens_out", "firsts", "log_first", "gaps", "log_gap", "cost", "queued", "overhead", "connecting", "retried",
    "should_cost", "off_first", "known_first", "off_gap", "known_gap",
)  # fmt: skip
Row = list[float]
AT = {name: place for place, name in enumerate(FIELDS)}
TIMES = (
    ("first_token", AT["log_first"], AT["firsts"], AT["off_first"], AT["known_first"]),
    ("token_gap", AT["log_gap"], AT["gaps"], AT["off_gap"], AT["known_gap"]),
)
"""A measure, its two fields, and those of how far it is off what is usual for each pair."""


def of_group(group: Group, should_cost: float) -> Row:
    """The sums of one group."""
    firsts, log_first = logs(group.firsts)
    gaps, log_gap = logs(group.gaps)
    faults = group.faults
    return [
        0.0, group.calls, sum(group.totals.values()), faults.get("upstream", 0), faults.get("gateway", 0),
        faults.get("caller", 0), group.looked_up, group.hits, group.tokens_in, group.tokens_out, firsts, log_first,
        gaps, log_gap, group.cost, group.queued, group.overhead, group.connecting, group.retried,
        should_cost, 0.0, 0.0, 0.0, 0.0,
    ]  # fmt: skip


def logs(sketch: Mapping[int, int]) -> tuple[float, float]:
    """How many values, and the sum of their logarithms."""
    number = total = 0.0
    for at, count in sketch.items():
        number += count
        total += count * max(at, LOWEST)
    return number, (total - number / 2) / PER_LOG


class Usual(Protocol):
    """What is usual for pairs: what a group's calls should have cost, and the mean logarithm of a time (None where that
    is not known)."""

    def cost(self, group: Group) -> float: ...

    def level(self, scope: Scope, measure: str) -> float | None: ...


def by_scope(window: Window, usual: Usual) -> dict[Scope, Row]:
    """The rows of all scopes with calls, and of the whole gateway."""
    rows: dict[Scope, Row] = {GATEWAY: empty()}
    for group in window.groups:
        row = of_group(group, usual.cost(group))
        model, upstream = group.model, group.upstream
        scopes: list[Scope] = [GATEWAY, (model, None)]
        if upstream:
            pair = (model, upstream)
            scopes += [(None, upstream), pair]
            for measure, a, b, off, known in TIMES:
                level = usual.level(pair, measure)
                if level is not None:
                    row[off], row[known] = row[a] - row[b] * level, row[b]
        for scope in scopes:
            had = rows.get(scope)
            rows[scope] = row if had is None else list(map(sum, zip(had, row, strict=True)))
    for row in rows.values():
        row[0] = 1.0
    return rows


def empty() -> Row:
    """A window without calls."""
    return [1.0] + [0.0] * (len(FIELDS) - 1)


def total(rows: Iterable[Row]) -> Row:
    """The sum of rows."""
    return [sum(column) for column in zip(*rows, strict=True)]
