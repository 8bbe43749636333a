"""What a call cost and what was spared, as rooms write it on its exchange: whole micro-dollars. Pure.

Enters: exchanges. Leaves: ``cost``, ``saved``, ``money`` and ``spent`` on them. ``money`` names what was saved by what
(``cache``, ``coalescing``, ``batching``, ``routing``, ``prompt_cache``), how much of the cost is ``estimated``, and a
call as ``unpriced`` whose price nobody knows.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from penstock.core.exchange import Exchange

MOST: Final = 10**12
"""A million dollars: no call is told to cost or spare more. Upstreams may claim any usage, and sums have 64 bits."""


class Spent(NamedTuple):
    """Of one attempt: ``model`` is the name there, ``rented`` what its time costs, in parts of a micro-dollar."""

    upstream: str
    model: str
    prompt: int
    answer: int
    cached: int
    written: int
    reasoning: int
    rented: int


def note(exchange: Exchange, what: str, amount: int) -> None:
    """``amount`` is to be told as ``what``."""
    if exchange.money is None:
        exchange.money = {}
    exchange.money[what] = exchange.money.get(what, 0) + amount


def spare(exchange: Exchange, how: str, amount: int) -> None:
    """``how`` spared ``amount`` micro-dollars."""
    if amount:
        if amount > MOST:
            amount = MOST
        exchange.saved += amount
        if exchange.money is None:  # nearly always
            exchange.money = {how: amount}
        else:
            note(exchange, how, amount)


def pay_for(exchange: Exchange, other: Exchange) -> None:
    """What ``other`` cost and spared is this one's."""
    exchange.cost += other.cost
    exchange.saved += other.saved
    for what, amount in (other.money or {}).items():
        note(exchange, what, amount)


def spend(exchange: Exchange, other: Exchange, answer: int | None = None) -> None:
    """An attempt of several that are priced one by one has ended; its facts stand in ``other``, which may be the
    exchange itself. ``answer``: its tokens, where they were counted here."""
    if exchange.spent is None:
        exchange.spent = []
    exchange.spent.append(
        Spent(
            other.upstream,
            other.upstream_model,
            other.tokens_in,
            other.tokens_out if answer is None else answer,
            other.tokens_cached,
            other.tokens_written,
            other.tokens_reasoning,
            0 if other is exchange else other.rented,  # it is told apart
        )
    )
