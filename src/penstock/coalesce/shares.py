"""What each caller's exchange is told of the flight that answered it, and who bears what it used. Pure.

Enters: the flight's own exchange, and those of its readers. Leaves: facts on the readers' exchanges. Tokens, retries
and rescues are borne exactly once, whoever left meanwhile: their sum over all readers is what the flight used.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core.exchange import Exchange


def show(exchange: Exchange, flight: Exchange, *, leads: bool = True) -> None:
    """What this caller's answer cost the flight, and what it is. ``leads``: it waited wherever the flight did; who came
    later waited for the flight."""
    exchange.answered_by(flight)
    exchange.attempts = flight.attempts
    if flight.batch:
        exchange.batch = flight.batch
    if leads:
        exchange.share_waits(flight)
        exchange.place = exchange.place or flight.place


def joined(exchange: Exchange, waited: float) -> float:
    """Who joined a flight waited for it: that is waiting for an upstream, in this room."""
    exchange.name_wait("coalesce", waited)
    return waited


def settle(present: Sequence[Exchange], flight: Exchange, *, split: bool) -> None:
    """Charge those that are ``present`` with what the flight used: the first of them, or all alike."""
    first = present[0]
    first.failures, first.hedge, first.rescues = flight.failures, flight.hedge, flight.rescues
    first.attempts = flight.attempts
    if not split or len(present) == 1:
        first.tokens_in, first.tokens_out = flight.tokens_in, flight.tokens_out
        first.tokens_cached, first.tokens_reasoning = flight.tokens_cached, flight.tokens_reasoning
        return
    for name in ("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning"):
        for exchange, part in zip(present, parts(getattr(flight, name), len(present)), strict=True):
            setattr(exchange, name, part)


def parts(amount: int, number: int) -> list[int]:
    """``amount`` in ``number`` parts that differ by one at most, the larger first."""
    each, over = divmod(amount, number)
    return [each + 1] * over + [each] * (number - over)
