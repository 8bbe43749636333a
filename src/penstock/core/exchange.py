"""One call on its way through the rooms: its id, deadline, clean-up, and the facts that rooms learn about it.

Rooms write facts here (``upstream``, ``attempts``, ...); the observe room reads them when the exchange finishes.
Clean-up is registered with ``defer`` and runs exactly once, last in first out, however the exchange ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from penstock.core.call import Call
from penstock.core.priority import NORMAL

if TYPE_CHECKING:
    from penstock.core.errors import Fail
    from penstock.core.ports import Caller, RequestBody
    from penstock.core.trace import Trace

log = logging.getLogger("penstock")

MOST_ROOMS: Final = 40
"""Work that a call begins may enter rooms on its account; twice as many as there are is enough to show it."""
Deferred = Callable[["Exchange"], None]


class Held(Protocol):
    """What an exchange runs on, and what is let go once nobody is inside."""

    def enter(self) -> None: ...

    def leave(self) -> None: ...


class Exchange:
    """State of one call. Times are monotonic seconds; ``deadline`` is the moment by which it must end.

    ``generation`` is what it runs on, ``led`` a newer one to which it was led since. ``model`` is the configured
    entry that serves the call (a bounded set of names, unlike ``call.model``), ``held`` the bytes reserved for it,
    ``output_default`` the limit on output tokens for a call that gives none, ``answered_as`` the model's name after
    fallbacks, ``asked`` what tells equal calls (made by the first room that needs it: a ``wire.asked.Asked``, or
    False where nothing does), ``upstream_key`` the number of the key shown to the upstream, ``failures`` the attempts
    that failed, ``hedge`` what came of a second one beside the first and how many prompt tokens were sent in vain,
    ``rescues`` how a stream that broke went on. ``usage_passes``: nobody below withholds the usage of a stream whose
    caller did not ask for it; the room that set it does. ``waited`` sums the seconds in which Penstock only waited
    for an upstream, ``queued`` those in which it waited for others: the rest is our own share.
    ``priority`` is its class (``core.priority``), ``weight`` its key's share beside other keys; ``place`` is its
    position when it began to wait in a queue (0: it never did), ``batch`` tells with whom it was sent, ``near`` names
    the upstream that should serve it if it can.
    ``waits`` names what made it wait, by room; ``answered`` is the moment of the head of the upstream's answer (0: none
    came), ``connecting`` the part of ``waited`` in which a connection was made. ``tags`` are the caller's own labels,
    ``cost`` and ``saved`` micro-dollars, ``money`` how they came about and ``spent`` its attempts where there were
    several (``core.money``); ``rented``: what it owes for time at upstreams that are paid by the second, in parts of a
    micro-dollar; ``callers``: how many calls it serves.
    ``rooms``: of a few calls, when they entered each. ``trace``: its place in a distributed trace, None while nobody
    traces; forks share it.
    ``relief`` is what the degrade room lets it do without, ``stale`` the age in seconds up to which a kept answer may
    be told to it though its time is over, ``degraded`` what it was indeed given less of.
    ``outcome`` is None while running, then ``ok``, ``error`` or ``left`` (the caller went away).
    """

    __slots__ = (
        "_deferred",
        "answered",
        "answered_as",
        "asked",
        "attempts",
        "batch",
        "body",
        "bytes_in",
        "bytes_out",
        "cache",
        "call",
        "caller",
        "callers",
        "connecting",
        "cost",
        "deadline",
        "degraded",
        "ended",
        "error",
        "failures",
        "first_byte",
        "forks",
        "generation",
        "hedge",
        "held",
        "id",
        "key",
        "led",
        "model",
        "money",
        "near",
        "notes",
        "outcome",
        "output_default",
        "overhead",
        "place",
        "priority",
        "queued",
        "relief",
        "rented",
        "rescues",
        "rooms",
        "saved",
        "scope",
        "seat",
        "spent",
        "stale",
        "started",
        "status",
        "tags",
        "tokens_cached",
        "tokens_in",
        "tokens_out",
        "tokens_reasoning",
        "tokens_written",
        "trace",
        "upstream",
        "upstream_key",
        "upstream_model",
        "usage_passes",
        "waited",
        "waits",
        "weight",
    )

    def __init__(self, id: str, call: Call, started: float, deadline: float, body: RequestBody) -> None:
        self.id = id
        self.call = call
        self.started = started
        self.deadline = deadline
        self.body = body
        self.generation: Held | None = None
        self.led: Held | None = None
        self.caller: Caller | None = None
        self.key = ""
        self.tags = ""
        self.trace: Trace | None = None
        self.scope = ""
        self.priority = NORMAL
        self.weight = 1.0
        self.seat: object = None
        self.model = ""
        self.upstream = ""
        self.upstream_key = 0
        self.upstream_model = ""
        self.answered_as = ""
        self.failures: list[tuple[str, str]] | None = None
        self.rescues: list[str] | None = None
        self.hedge: tuple[str, float] | None = None
        self.output_default: int | None = None
        self.attempts = 0
        self.cache = ""
        self.asked: Any = None
        self.usage_passes = False
        self.degraded = ""
        self.relief: Any = None
        self.stale = 0.0
        self.queued = 0.0
        self.place = 0
        self.batch = ""
        self.near = ""
        self.waited = 0.0
        self.waits: dict[str, float] | None = None
        self.answered = 0.0
        self.connecting = 0.0
        self.rooms: list[tuple[str, float]] | None = None
        self.overhead = 0.0
        self.first_byte = 0.0
        self.ended = 0.0
        self.status = 0
        self.error: Fail | None = None
        self.outcome: str | None = None
        self.held = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.tokens_in = self.tokens_out = self.tokens_cached = 0
        self.tokens_reasoning = self.tokens_written = 0
        self.cost = self.saved = self.rented = 0
        self.money: dict[str, int] | None = None
        self.spent: list[tuple[Any, ...]] | None = None
        self.callers = 1
        self.forks = 0
        self.notes: dict[str, str] | None = None
        self._deferred: list[Deferred] = []

    def defer(self, fn: Deferred) -> None:
        """Call ``fn(exchange)`` when the exchange finishes; at once if it already has."""
        self._deferred.append(fn)
        if self.outcome is not None:
            self._clean_up()

    def fork(self, purpose: str) -> Exchange:
        """An exchange for work that outlives this one or serves several callers.

        Own id, clean-up and deadline (the parent's at first); charged to the parent's key and scope. Whoever forks
        must ``finish`` it.
        """
        self.forks += 1
        child = Exchange(f"{self.id}.{purpose}{self.forks}", self.call, self.started, self.deadline, self.body)
        generation = child.generation = self.generation
        if generation is not None:  # what it stands on stays until the fork has ended, too
            generation.enter()
            child.defer(lambda _: generation.leave())
        child.key = self.key
        child.scope = self.scope
        child.priority = self.priority
        child.weight = self.weight
        child.tags = self.tags
        child.trace = self.trace
        child.rooms = self.rooms
        child.usage_passes = self.usage_passes
        return child

    def also_for(self, other: Exchange) -> None:
        """Serve ``other``, too: with its deadline if that is later, in its class if that is higher."""
        self.deadline = max(self.deadline, other.deadline)
        self.priority = min(self.priority, other.priority)

    def answered_by(self, other: Exchange) -> None:
        """What the rooms below ``other`` learned of its answer is what this one asked about. Attempts, tokens and waits
        are each one's own."""
        self.model = other.model
        self.answered_as = other.answered_as
        self.upstream = other.upstream
        self.upstream_key = other.upstream_key
        self.upstream_model = other.upstream_model
        self.output_default = other.output_default
        self.answered = other.answered
        self.connecting = other.connecting
        if other.degraded:
            self.degraded = other.degraded
        if other.notes:
            self.notes = {**(self.notes or {}), **other.notes}

    def finish(self, outcome: str, now: float) -> None:
        """End the exchange: run what was deferred, last in first out, each exactly once. A second call does nothing."""
        if self.outcome is not None:
            return
        self.outcome = outcome
        self.ended = now
        self._clean_up()

    @property
    def overdue(self) -> Fail | None:
        """Its error, if it ended at its deadline: that says something of who was asked for it."""
        error = self.error
        return error if error is not None and error.code == "deadline" else None

    def note_wait(self, room: str, seconds: float) -> None:
        """``room`` made it wait for others."""
        self.queued += seconds
        self.name_wait(room, seconds)

    def name_wait(self, room: str, seconds: float) -> None:
        """``room`` made it wait in a time that counts already: as waiting for an upstream, or in another's queue."""
        if self.waits is None:
            self.waits = {}
        self.waits[room] = self.waits.get(room, 0.0) + seconds

    def share_waits(self, other: Exchange) -> None:
        """It waited wherever ``other`` did, which served it."""
        self.queued += other.queued
        for room, seconds in (other.waits or {}).items():
            self.name_wait(room, seconds)

    def note_room(self, room: str, now: float) -> None:
        """It enters ``room``, if that is noted of it."""
        if self.rooms is not None and len(self.rooms) < MOST_ROOMS:
            self.rooms.append((room, now))

    def note_failure(self, kind: str, upstream: str) -> None:
        """An attempt at ``upstream`` failed; ``kind`` is one of a closed set."""
        if self.failures is None:
            self.failures = []
        self.failures.append((kind, upstream))

    def note_rescue(self, how: str) -> None:
        """A stream that broke went on ``how``, or ``failed`` to; one of a closed set."""
        if self.rescues is None:
            self.rescues = []
        self.rescues.append(how)

    def note_degraded(self, what: str) -> None:
        """Its caller is given less than it asked for: ``what`` is told in the answer's head."""
        self.degraded = f"{self.degraded}, {what}" if self.degraded else what

    def _clean_up(self) -> None:
        deferred = self._deferred
        while deferred:
            try:
                deferred.pop()(self)
            except Exception:
                log.exception("clean-up of %s failed", self.id, extra={"request": self.id})

    def __repr__(self) -> str:
        return f"<Exchange {self.id} {self.outcome or 'running'} {self.call!r}>"
