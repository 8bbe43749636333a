"""A call's place at an upstream: counted there while it lasts, and what it tells of that upstream. Pure.

Enters: an exchange and how its attempt went. Leaves: the upstream's load, health and keys, changed; a line in the log
when it is left alone, comes back, or one of its keys must rest. A key is named by its number only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from penstock.core.exchange import Exchange
from penstock.core.ports import SeatOutcome
from penstock.routing.ask import Ask
from penstock.routing.failure import KINDS, Failure, of_fail
from penstock.routing.load import PRIOR_FIRST

if TYPE_CHECKING:
    from penstock.routing.joint import Joint
    from penstock.routing.targets import Target

log = logging.getLogger("penstock")

LEAST_TOLD: Final = 1024
"""Tokens of prompt below which providers may cache nothing, and so tell of nothing cached (OpenAI's number)."""
TOO_MANY: Final[tuple[str, ...]] = ("rate_limited", "overloaded", "full")
"""Failures by which an upstream says that it has more calls than it can serve."""


class Seat:
    """A call's place at a target. ``hit``: the share of its prompt expected in the cache there; ``key``: the number of
    the key that it shows; ``used``: when what is expected was last used there, None where its absence would prove
    nothing; ``metered`` is the upstream's meter and ``begun`` where it stood; ``joint``: the stream that it is taken
    for, once that has begun; ``trial``: not 0 if all depends on it whether the target is used again; ``was_well`` and
    ``was_ill``: what it has told of the target, and ``trouble`` in what way it was ill."""

    __slots__ = (
        "ask", "begun", "hit", "joint", "key", "metered", "stay", "target", "trial", "trouble", "used", "was_ill",
        "was_well",
    )  # fmt: skip

    def __init__(self, target: Target, ask: Ask, hit: float, key: int = 0) -> None:
        self.target = target
        self.ask = ask
        self.hit = hit
        self.key = key
        self.used = target.prefixes.remember(target.slot, ask.blocks, ask.now) if ask.blocks else None
        waiting = target.load.stays
        if self.used is not None and waiting and self.used >= next(iter(waiting)).began:
            self.used = None  # by a call whose own prompt is still being computed: not cached yet, and not evicted
        self.stay = target.load.begin(ask.now, ask.tokens * (1.0 - hit))
        self.metered = target.meter
        self.begun = 0 if self.metered is None else self.metered.begin(ask.now)
        self.trial = 0 if target.health.breaker.state == "closed" else target.health.begin(ask.now)
        self.joint: Joint | None = None
        self.trouble: SeatOutcome | None = None
        self.was_well = False
        self.was_ill = False

    def first_token(self, now: float) -> None:
        """The first token of its answer is here."""
        target, stay = self.target, self.stay
        if target.seats is not None and not stay.first:
            # By the prior line: what was learned follows an overload that lasts, and would hide it.
            base, slope = PRIOR_FIRST
            target.seats.first(now, now - stay.began, base + slope * stay.work)
        target.load.first_token(stay, now)

    def holds(self, joint: Joint) -> None:
        """It is taken for this stream."""
        self.joint = joint
        self.target.streams[self] = joint

    def leave(self, now: float, *, tokens: int = 0, prompt: int = 0, cached: int = 0) -> None:
        """The call has ended there, with what its usage told (0: nothing): tokens of the answer, of the prompt, and of
        that those that were cached."""
        target = self.target
        target.in_flight -= 1
        if self.joint is not None:
            self.joint = None
            target.streams.pop(self, None)
        target.load.end(self.stay, now, tokens)
        if cached:
            target.tells_cached = True
        elif not target.tells_cached:
            return
        expected = self.hit * prompt
        if self.used is not None and expected >= LEAST_TOLD and cached < 0.5 * expected:
            target.prefixes.correct(target.slot, self.used)

    def __repr__(self) -> str:
        return f"<Seat at {self.target.name}, {self.stay!r}>"


def well(exchange: Exchange, now: float) -> None:
    """The upstream of the exchange's seat began to answer."""
    seat = exchange.seat
    if isinstance(seat, Seat):
        seat.was_well = True
        target = seat.target
        if seat.trial:
            _pass(seat, now)
        else:
            target.health.breaker.well(now)
        if target.keys.struck:
            target.keys.well(seat.key)


def _pass(seat: Seat, now: float) -> None:
    health = seat.target.health
    health.well(now, seat.trial)
    seat.trial = 0
    if health.breaker.state == "closed":
        log.info("upstream '%s' is back: a trial went well", seat.target.name)


def ill(exchange: Exchange, failure: Failure, now: float) -> None:
    """The attempt at the exchange's seat failed. Of several failures told of one seat the first counts."""
    seat = exchange.seat
    if not isinstance(seat, Seat) or seat.was_ill or failure.kind.name == "leaving":
        return
    seat.was_ill = True
    seat.trouble = "overload" if failure.kind.name in TOO_MANY else "error"
    blames = failure.kind.blames
    if blames == "key":
        if failure.kind.name != "denied" or not _has_been_denied(exchange):
            _rest_key(seat, failure, now)
    elif blames == "host" or (blames == "either" and not _has_blamed(exchange)):
        target = seat.target
        breaker = target.health.breaker
        before = breaker.openings
        if failure.kind.name == "silent":
            target.health.hung(now)
        target.health.ill(now, seat.trial, failure.after or 0.0)
        seat.trial = 0
        if breaker.openings != before:
            log.warning(
                "upstream '%s' is left alone for %.1f s; its last failure: %s",
                target.name, breaker.until - now, failure.kind.name,
            )  # fmt: skip


def _rest_key(seat: Seat, failure: Failure, now: float) -> None:
    target = seat.target
    kind = failure.kind.name
    seconds = target.keys.rest(seat.key, kind, seat.ask.model, now, failure.after)
    if not seconds:
        return
    if target.keys.back() > now:
        target.changes.count += 1
    log.log(
        logging.INFO if kind == "rate_limited" else logging.WARNING,
        "key %d of %d of upstream '%s' rests for %.1f s: %s",
        seat.key + 1, target.keys.count, target.name, seconds, kind,
    )  # fmt: skip


def _has_blamed(exchange: Exchange) -> bool:
    """Whether the call has already failed elsewhere in a way that may be its own doing."""
    return any(KINDS[name].blames == "either" for name, _ in exchange.failures or ())


def _has_been_denied(exchange: Exchange) -> bool:
    """Whether the call has already been denied with another key: then it is the call that is."""
    return any(name == "denied" for name, _ in exchange.failures or ())


def leave_seat(exchange: Exchange, now: float = 0.0) -> None:
    """Give the seat back. Only of a call that ended well is something learned of speed. ``now``: of one that goes on
    elsewhere."""
    seat = exchange.seat
    if isinstance(seat, Seat):
        if exchange.outcome == "error":
            _note_end(exchange, seat)
        exchange.seat = None
        if seat.trial:
            seat.target.health.lost(seat.trial)
        if seat.target.seats is not None:
            _tell(seat, exchange, exchange.ended or now)
        if seat.metered is not None:
            exchange.rented += seat.metered.end(exchange.ended or now, seat.begun)
        if exchange.outcome == "ok":
            prompt, tokens = exchange.tokens_in, exchange.tokens_out
            seat.leave(exchange.ended, tokens=tokens, prompt=prompt, cached=exchange.tokens_cached)
            if seat.ask.sizes is not None:
                seat.ask.sizes.learn(len(exchange.call.body), prompt, tokens)
        else:
            seat.leave(exchange.ended)


def _tell(seat: Seat, exchange: Exchange, now: float) -> None:
    """Give it back where their number is limited, and say how the call went there."""
    seats, stay = seat.target.seats, seat.stay
    assert seats is not None
    first = stay.first - stay.began if stay.first else None
    seats.end(now, now - stay.began, first, "ok" if exchange.outcome == "ok" else seat.trouble or "left")


def _note_end(exchange: Exchange, seat: Seat) -> None:
    """The exchange ended with an error: if no attempt has told of it, the answer broke off, or never came."""
    error = exchange.error
    if error is None:
        return
    if error.fault == "upstream":
        ill(exchange, of_fail(error), exchange.ended)
    elif error.code == "deadline" and not seat.was_well:
        ill(exchange, Failure(KINDS["silent"]), exchange.ended)
