"""What each caller's exchange is told of the merged call that answered it. Pure.

Enters: the exchange of the merged call, those of its callers. Leaves: facts on these. Failed attempts, hedges and
rescues are borne by the first: their sum over all callers is what happened. Tokens are each one's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core.exchange import Exchange


def show(exchange: Exchange, merged: Exchange) -> None:
    """What this caller's answer cost the merged call, and what it is: on top of what came of a call before it."""
    exchange.answered_by(merged)
    exchange.attempts += merged.attempts
    exchange.share_waits(merged)
    exchange.place = exchange.place or merged.place


def bear(exchanges: Sequence[Exchange], merged: Exchange) -> None:
    """Let the first of those who are still here bear what happens once a call."""
    if not exchanges:
        return
    first = exchanges[0]
    for kind, upstream in merged.failures or ():
        first.note_failure(kind, upstream)
    for how in merged.rescues or ():
        first.note_rescue(how)
    first.hedge = merged.hedge or first.hedge
