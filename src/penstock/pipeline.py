"""The path of a request: the rooms in their order, and the reason for each position.

A call passes the rooms from first to last; its reply passes them in reverse. ``compose`` folds the stages into one
callable; ``check`` refuses an order in which a room needs what no room above it gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from penstock.core.exchange import Exchange
from penstock.core.link import linked, noted
from penstock.core.ports import Next, Stage
from penstock.core.reply import Reply


@dataclass(frozen=True, slots=True)
class Room:
    """One position on the path. ``stage`` is ``module:class``, loaded lazily; optional rooms may be taken out."""

    name: str
    stage: str
    why: str
    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()
    optional: bool = False


def _room(name: str, stage: str, why: str, needs: str = "", gives: str = "", *, optional: bool = False) -> Room:
    return Room(name, stage, why, frozenset(needs.split()), frozenset(gives.split()), optional)


ROOMS: tuple[Room, ...] = (
    _room(
        "edge",
        "penstock.edge.endpoint:Endpoint",
        "Everything begins with a checked head: host, path and fields are in order before any room believes them, "
        "and the exchange gets its id and its deadline.",
        gives="head",
    ),
    _room(
        "observe",
        "penstock.observe.stage:Observe",
        "Outermost, so that what any room below refuses is still counted and timed.",
        needs="head",
        gives="record",
        optional=True,
    ),
    _room(
        "auth",
        "penstock.auth.stage:Auth",
        "On the head alone and before memory: a stranger's body is never read and costs no bytes.",
        needs="head",
        gives="caller",
    ),
    _room(
        "journal",
        "penstock.journal.stage:Journal",
        "Below auth, so that a stranger cannot push the calls of others out of it; above all else that may refuse or "
        "answer, so that every call of a caller leaves a row.",
        needs="head caller",
        gives="row",
        optional=True,
    ),
    _room(
        "admission",
        "penstock.admission.stage:Admission",
        "On the head alone and above memory: a call that waits for a place, or is refused one, has no body read; below "
        "auth, which says whose it is and in which class.",
        needs="head caller",
        gives="seat",
        optional=True,
    ),
    _room(
        "memory",
        "penstock.memory.stage:Memory",
        "Bytes are reserved before the body is read, so that a full gateway refuses instead of growing; "
        "then the few fields that policy needs are peeked.",
        needs="head caller",
        gives="body peek",
    ),
    _room(
        "jobs",
        "penstock.jobs.stage:JobsRoom",
        "Files and batches that are kept here are answered here: below all that may refuse a caller, above all that "
        "concerns the answers of models. Their lines come in below this room as calls of their own.",
        needs="caller body",
        optional=True,
    ),
    _room(
        "streaming",
        "penstock.streaming.stage:Streaming",
        "Below all that may refuse the call, above all that may answer it: whatever gives the events, a kept stream "
        "too, they flow as this caller can take them.",
        needs="peek",
        gives="flow",
        optional=True,
    ),
    _room(
        "resume",
        "penstock.resume.stage:Resume",
        "Below streaming, so that a slow or silent caller is dealt with as such while its stream is kept (numbered "
        "events are neither merged nor dropped there); above all that may answer, so that what is kept is what flowed.",
        needs="caller peek",
        gives="stream",
        optional=True,
    ),
    _room(
        "degrade",
        "penstock.degrade.stage:Degrade",
        "Above the cache, so that under load it may tell an older answer; below memory, which knows what is asked.",
        needs="peek",
        gives="relief",
        optional=True,
    ),
    _room(
        "cache",
        "penstock.cache.stage:Cache",
        "Below streaming and resume, so that an answer told again flows like one that is made; above all that costs an "
        "upstream something. A hit waits for nobody.",
        needs="caller peek body",
        gives="asked",
        optional=True,
    ),
    _room(
        "lessen",
        "penstock.degrade.stage:Lessen",
        "Below the cache, since a kept answer is whole and costs nothing; above all that asks an upstream, and above "
        "coalesce, so that calls that ask for less share no answer with those that ask for all.",
        needs="relief body",
        gives="lesser",
        optional=True,
    ),
    _room(
        "coalesce",
        "penstock.coalesce.stage:Coalesce",
        "Below all that answers at once, so that only those meet who would ask an upstream; above routing, so that one "
        "flight is retried, hedged and rescued once for all who read it.",
        needs="caller peek",
        gives="flight",
        optional=True,
    ),
    _room(
        "grouping",
        "penstock.grouping.stage:Grouping",
        "Below coalescing, so that one of equal calls waits for all; above what sends, since it decides when "
        "that is and, by what was computed where, to whom.",
        needs="caller peek",
        gives="group",
        optional=True,
    ),
    _room(
        "batching",
        "penstock.batching.stage:Batching",
        "Below coalesce, so that equal calls are one item; above routing, so that what goes together is retried, falls "
        "over and takes a seat as one call.",
        needs="caller peek body",
        gives="batch",
        optional=True,
    ),
    _room(
        "cost",
        "penstock.cost.stage:Cost",
        "Below all that answers without an upstream or makes one call of several: what passes here is paid for, once. "
        "Above routing, so that all attempts of a call are summed up before it is priced.",
        needs="peek",
        gives="price",
        optional=True,
    ),
    _room(
        "routing",
        "penstock.routing.stage:Routing",
        "Last, since all that may spare the upstream (limits, caches, coalescing) stands above: "
        "chooses the upstream, takes a seat there, and asks its provider.",
        needs="peek body",
        gives="reply",
    ),
)


def check(rooms: Iterable[Room]) -> None:
    """Raise ValueError when a room needs what no room above it gives, or the last gives no reply."""
    given: set[str] = set()
    for room in rooms:
        missing = room.needs - given
        if missing:
            raise ValueError(f"room '{room.name}' needs {', '.join(sorted(missing))}, which no room above it gives")
        given |= room.gives
    if "reply" not in given:
        raise ValueError("no room gives a reply")


def compose(stages: Sequence[Stage]) -> Next:
    """One callable that sends an exchange through ``stages`` in order."""
    chain: Next = _beyond
    for stage in reversed(stages):
        chain = linked(stage, chain)
    return chain


def timed(rooms: Sequence[tuple[str, Stage]], now: Callable[[], float]) -> Next:
    """As ``compose``, for rooms with their names; each call is told when it enters one."""
    chain: Next = _beyond
    for name, stage in reversed(rooms):
        chain = noted(name, linked(stage, chain), now)
    return chain


async def _beyond(exchange: Exchange) -> Reply:
    raise AssertionError(f"{exchange.id} went past the last room")
