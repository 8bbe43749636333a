"""Calls that wait for each other: who they are, who is next, and what each is told of its group. Pure.

Enters: exchanges, each with a promise that it waits for. Leaves: them in order of priority, then of arrival.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.grouping.counts import Counts

if TYPE_CHECKING:
    from asyncio import TimerHandle

Verdict = str
GO, LEAD = "go", "lead"
"""What a member is told: it is sent; it is sent, and others wait for it."""


class Member:
    """A call that waits since ``since``, with ``shared`` bytes of prompt in common with its group. ``vector``: of what
    it asks, where groups are made by that."""

    __slots__ = ("exchange", "number", "promise", "shared", "since", "vector")

    def __init__(
        self,
        exchange: Exchange,
        promise: Promise[Verdict],
        since: float,
        number: int,
        shared: int,
        vector: Any = None,
    ) -> None:
        self.exchange = exchange
        self.promise = promise
        self.since = since
        self.number = number
        self.shared = shared
        self.vector = vector

    @property
    def rank(self) -> tuple[int, int]:
        """Who is sent first."""
        return self.exchange.priority, self.number


class Group:
    """Members that wait. ``leader`` is the call that computes what they share, ``upstream`` where it was sent, once it
    is known, ``near`` where it should be; ``size`` counts all that ever belonged to it; ``shared``: bytes of prompt
    that all have in common with who led when they came."""

    __slots__ = (
        "failures", "id", "key", "leader", "members", "near", "sent", "shared", "since", "size", "upstream",
    )  # fmt: skip

    def __init__(self, id: str, key: Any, since: float) -> None:
        self.id = id
        self.key = key
        self.since = since
        self.sent = since
        self.leader: Exchange | None = None
        self.upstream = ""
        self.near = ""
        self.members: list[Member] = []
        self.size = 0
        self.shared = 0
        self.failures = 0

    def join(self, member: Member) -> int:
        """``member`` waits from now on. Gives its place, from 1."""
        insort(self.members, member, key=lambda one: one.rank)
        self.size += 1
        self.shared = min(self.shared, member.shared) if self.shared else member.shared
        return self.members.index(member) + 1

    def leave(self, member: Member) -> None:
        """It waits no longer."""
        if member in self.members:
            self.members.remove(member)

    def next(self) -> Member | None:
        """The first, taken out."""
        if not self.members:
            return None
        member = self.members[0]
        self.leave(member)
        return member

    def told(self, now: float) -> dict[str, Any]:
        """As plain values, for who looks on."""
        return {
            "id": self.id, "size": self.size, "waiting": len(self.members), "upstream": self.upstream or self.near,
            "prefix_bytes": self.shared, "seconds": round(now - self.since, 3),
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Group {self.id} {len(self.members)} of {self.size} wait>"


async def held(
    group: Group,
    member: Member,
    counts: Counts,
    late: TimerHandle,
    now: Callable[[], float],
    prefix: Callable[[], int],
    out: Callable[[Verdict], None],
) -> Verdict:
    """Wait in the group until told. ``late`` lets the member go when it has waited long enough; ``out`` is called once
    it waits no longer, with what it was told: nothing, where its caller left; ``prefix`` then gives the bytes that its
    answer's head tells of."""
    exchange = member.exchange
    place = group.join(member)
    exchange.place = exchange.place or place  # it may have waited elsewhere before
    counts.held += 1
    counts.waiting += 1
    verdict = ""
    try:
        verdict = await member.promise
    finally:
        late.cancel()
        waited = now() - member.since
        exchange.note_wait("grouping", waited)
        counts.waited += waited
        counts.waiting -= 1
        counts.left += not verdict
        out(verdict)
        exchange.batch = words(group, waited, prefix())
    return verdict


def words(group: Group, waited: float, shared: int) -> str:
    """For ``x-penstock-batch``."""
    return f"{group.id}; size={group.size}; wait={waited * 1000:.1f}ms; prefix={shared}B"


def patience(left: float, own: float, most: float) -> float:
    """How long a call may be held that has ``left`` seconds to its deadline and itself needs ``own``: half of what it
    can spare, at most ``most``; 0 for not at all."""
    spare = (left - own) / 2
    return min(spare, most) if spare > 0.001 else 0.0


def numbered(worker: int) -> Callable[[], str]:
    """Ids of groups, each once in a worker's life."""
    numbers = itertools.count(1)
    return lambda: f"g{worker:x}-{next(numbers):x}"
