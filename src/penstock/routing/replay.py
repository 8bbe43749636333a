"""A recorded decision made again: strategy and targets are built from the record, and choose. Pure.

Enters: a Decision, or a line of JSON that holds one. Leaves: the winner, or an account with each candidate's terms.
Fails with BadRecord for what is no decision, or lacks what its strategy needs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from penstock.core.call import Call, Operation
from penstock.core.line import Line
from penstock.core.ports import Provider
from penstock.routing.ask import Ask
from penstock.routing.load import Load, Peers, Stay
from penstock.routing.prefix import PrefixIndex
from penstock.routing.record import Candidate, Decision, Uniform
from penstock.routing.sessions import Sessions
from penstock.routing.strategies import STRATEGIES, make_strategy
from penstock.routing.strategies.strategy import Shared, Strategy
from penstock.routing.targets import Target


class BadRecord(ValueError):
    """It is not a recorded decision, or does not hold what its strategy needs."""


def parse(line: bytes | str) -> Decision:
    """The decision that ``line`` of JSON holds. Raises BadRecord."""
    try:
        return msgspec.json.decode(line, type=Decision)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadRecord(f"not a recorded decision: {error}") from None


def replay(decision: Decision) -> str:
    """Whom the strategy chooses with all as it was. Raises BadRecord where it needs what was not recorded."""
    return str(account(decision, again(decision))["winner"])


def again(decision: Decision) -> Uniform:
    """Its draws, once more in their order."""
    left = iter(decision.draws)

    def drawn(a: float, b: float) -> float:
        try:
            return next(left)
        except StopIteration:
            raise BadRecord("it holds fewer draws than the decision takes") from None

    return drawn


def account(decision: Decision, uniform: Uniform = random.uniform) -> dict[str, Any]:
    """Each candidate's terms, as a plain object, and the winner. Draws come from ``uniform``. Raises BadRecord."""
    shared = Shared(
        prefixes=_Hits(decision.hits),
        sessions=Sessions(1.0, 1),
        slack=decision.slack,
        max_load=decision.max_load,
        scores=decision.scores,
        uniform=uniform,
    )
    peers = Peers()
    peers.first, peers.gap = Line(*decision.peers[0]), Line(*decision.peers[1])
    targets = [_target(candidate, decision, peers) for candidate in decision.candidates]
    try:
        ask = _again(decision)
        strategy = _strategy(decision, shared)
        _restore(decision, strategy, shared)
        winner = strategy.choose(targets, ask).name
        _restore(decision, strategy, shared)  # the terms are those from before the choice
        shared.prefixes.match(ask)
        terms = [strategy.terms(target, ask) for target in targets]
    except BadRecord:
        raise
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise BadRecord(f"the decision cannot be made again: {type(error).__name__}: {error}") from None
    return {
        "entry": decision.entry,
        "strategy": decision.strategy,
        "sent_as": decision.model,
        "largest_wins": strategy.largest,
        "tokens": decision.tokens,
        "output": decision.output,
        "session_at": decision.sticky,
        "candidates": [
            {"upstream": target.name, "score": sum(parts.values()) if parts else None, "terms": parts}
            for target, parts in zip(targets, terms, strict=True)
        ],
        "winner": winner,
    }


def _strategy(decision: Decision, shared: Shared) -> Strategy:
    if decision.strategy not in STRATEGIES:
        raise BadRecord(f'its strategy "{decision.strategy[:64]}" is not known')
    return make_strategy(decision.strategy, shared)


def _restore(decision: Decision, strategy: Strategy, shared: Shared) -> None:
    """Put back what a choice changes."""
    turn = decision.turn
    if turn is not None:
        strategy.turn = dict(turn) if isinstance(turn, dict) else turn  # type: ignore[attr-defined]
    if decision.session:
        shared.sessions.keep(decision.session, decision.sticky, decision.now)


class _Hits(PrefixIndex):
    """Knows one answer."""

    def __init__(self, hits: Sequence[tuple[int, float]]) -> None:
        super().__init__(0)
        self._hits = dict(hits)

    def match(self, ask: Ask) -> None:
        """What was found then."""
        ask.hits = dict(self._hits)


def _again(decision: Decision) -> Ask:
    """The call of a decision, without its body."""
    ask = Ask(
        Call(Operation("chat", "openai", ""), "POST", "", b"", [], decision.client),
        decision.now,
        model=decision.model,
        tokens=decision.tokens,
        output=decision.output,
        session=decision.session,
        scope=decision.scope,
    )
    ask.blocks = [] if decision.block is None else [decision.block]
    ask.start = bytes.fromhex(decision.beginning)
    return ask


def _target(candidate: Candidate, decision: Decision, peers: Peers) -> Target:
    target = Target(
        candidate.name,
        cast("Provider", None),  # nothing is sent
        candidate.weight,
        capacity=candidate.capacity,
        prices=candidate.prices,
        peers=peers,
    )
    target.slot = candidate.slot
    target.pull = candidate.pull
    target.in_flight = candidate.in_flight
    if candidate.asked is not None:
        target.models[decision.model] = candidate.asked
    _fill(target.load, candidate, decision.now)
    return target


def _fill(load: Load, candidate: Candidate, now: float) -> None:
    load.waiting = candidate.waiting
    load.decoding = candidate.decoding
    if candidate.ready is not None:
        load.slow, load.queue, load.crowd = candidate.ready
        load.ranked = True
    load.pace.restore(candidate.pace)
    load.pace_first.restore(candidate.pace_first)
    for peak, sample in ((load.peak_first, candidate.peak_first), (load.peak_gap, candidate.peak_gap)):
        if sample is not None:
            peak.learn(*sample)
    load.scraped = candidate.scraped
    for _ in range(candidate.stays):
        load.stays[Stay(now, 0.0, 0.0, -candidate.overdue)] = None
