"""What each caller's exchange is told of the merged call that answered it. Pure.

Enters: the exchange of the merged call, those of its callers. Leaves: facts on these. Failed attempts, hedges and
rescues are borne by the first: their sum over all callers is what happened. Tokens are each one's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core.exchange import Exchange


def show(exchange: Exchange, merged: Exchange) -> None:
    """What the rooms below learned is what this caller asked about."""
    exchange.model = merged.model
    exchange.answered_as = merged.answered_as
    exchange.attempts += merged.attempts
    exchange.upstream = merged.upstream
    exchange.upstream_key = merged.upstream_key
    exchange.upstream_model = merged.upstream_model
    exchange.output_default = merged.output_default
    exchange.queued += merged.queued
    exchange.place = exchange.place or merged.place
    if merged.degraded:
        exchange.degraded = merged.degraded
    if merged.notes:
        exchange.notes = {**(exchange.notes or {}), **merged.notes}


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
