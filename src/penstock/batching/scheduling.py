"""When a batch leaves. Pure.

Enters: who is in it, what is known of the upstream and of those who may still come, the moment. Leaves: the moment to
go, which is now where nothing is won by waiting. May fail: not at all.
"""

from __future__ import annotations

from typing import NamedTuple

from penstock.batching.costs import Costs
from penstock.batching.crowd import Crowd
from penstock.batching.terms import Terms
from penstock.core.priority import HIGH

GAPS = 4.0
"""For how many usual gaps between calls the next one is still expected."""
SPARE = 1.5
"""How many times what a call takes is left for it before a deadline."""


class Waiting(NamedTuple):
    """A batch that has not left. ``since``: when its first call came, ``last``: its last, or
    when others who may come anew were answered; ``deadline``: the earliest;
    ``flying``: callers who might be in it, but left already and wait for their answers."""

    callers: int
    flying: int
    items: int
    since: float
    last: float
    deadline: float
    priority: int


def leaves_at(batch: Waiting, terms: Terms, costs: Costs, crowd: Crowd, load: float, now: float) -> float:
    """See the module.

    While upstreams serve one call after another and have one, nothing is lost by waiting for its end: the batch would
    wait there. Else each further gap costs every caller of the batch that gap, and saves the one who comes the fixed
    part of a call: it is waited for while that pays, and while somebody is missing at all.
    """
    if batch.priority == HIGH:
        return now
    latest = min(batch.since + terms.wait_at(load), batch.deadline - SPARE * costs.takes(batch.items))
    if latest <= now:
        return now
    if batch.items < terms.min_items:
        return latest
    if not costs.pays():
        return now
    if costs.would_wait(batch.items, now):
        return latest
    saving = costs.saving
    missing = crowd.size - batch.flying - batch.callers
    if missing < 0.5 or crowd.gap * batch.callers > saving:
        return now
    return max(now, min(latest, batch.last + min(saving / batch.callers, GAPS * crowd.gap)))
