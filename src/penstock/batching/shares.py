"""What each caller's exchange is told of the merged call that answered it. Pure.

Enters: the exchange of the merged call, those of its callers. Leaves: facts on these. Failed attempts, hedges and
rescues are borne by the first: their sum over all callers is what happened. Tokens are each one's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core.exchange import Exchange
from penstock.core.money import pay_for


def show(exchange: Exchange, merged: Exchange) -> None:
    """What this caller's answer cost the merged call, and what it is: on top of what came of a call before it."""
    exchange.answered_by(merged)
    exchange.attempts += merged.attempts
    exchange.share_waits(merged)
    exchange.place = exchange.place or merged.place


def charge(payers: Sequence[tuple[Exchange, int]], merged: Exchange) -> None:
    """Split what the merged call cost by the tokens that each asked about, to the micro-dollar; what it spared is told
    of the first."""
    if not payers:
        return
    first = payers[0][0]
    pay_for(first, merged)
    first.cost -= merged.cost
    left, weight = merged.cost, sum(tokens for _, tokens in payers)
    for at, (exchange, tokens) in enumerate(payers):
        part = left if at == len(payers) - 1 else left * tokens // weight if weight else 0
        exchange.cost += part
        left -= part
        weight -= tokens


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
