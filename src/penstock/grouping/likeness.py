"""Which group a call joins: the one whose members it is most like, above a threshold. Pure.

Enters: a unit vector (any object with ``@``), a priority, groups. Leaves: one of them, or None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from penstock.grouping.waiting import Group

EQUAL_PRIORITY = 0.1
"""Added where the group's members have the call's priority."""


def likeness(vector: Any, others: Sequence[Any]) -> float:
    """The mean cosine with ``others``; 1.0 with nobody."""
    return sum(float(vector @ other) for other in others) / len(others) if others else 1.0


def best(
    groups: Iterable[Group],
    vector: Any,
    priority: int,
    scope: str,
    *,
    threshold: float,
    now: float,
    most: float,
    size: int,
) -> Group | None:
    """The most alike of those that wait, have room and are younger than ``most`` seconds."""
    found: Group | None = None
    highest = threshold
    for group in groups:
        if group.key != scope or now - group.since >= most or len(group.members) >= size:
            continue
        vectors = [member.vector for member in group.members if member.vector is not None]
        if not vectors:
            continue
        score = likeness(vector, vectors)
        if all(member.exchange.priority == priority for member in group.members):
            score += EQUAL_PRIORITY
        if score >= highest:
            found, highest = group, score
    return found
