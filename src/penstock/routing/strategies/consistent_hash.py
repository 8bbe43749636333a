"""Consistent hashing with bounded load: a session keeps its upstream unless that one has more than its fair share.

A ring of points (Karger et al. 1997), some 64 for a mean weight; a key goes to the first target clockwise whose calls
in flight, with this one, stay within ceil(c · total · weight / weights), c = 1.25 (Mirrokni, Thorup and Zadimoghaddam
2018; as SGLang's prefix_hash). The key: the session, else the caller's scope and the prompt's beginning, else the
client. All workers and gateways find the same.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from hashlib import blake2b

from penstock.routing.ask import Ask
from penstock.routing.targets import Target

POINTS = 64
BOUND = 1.25
MOST_RINGS = 16
"""A ring for each list of candidates: there is one for each operation, and another when they change."""


class Ring:
    """The points of one list of targets. ``per_weight``: points for each unit of weight."""

    __slots__ = ("_owners", "_places", "per_weight", "targets", "weights")

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = targets
        self.weights = sum([target.weight for target in targets])
        # In powers of two: while the mean weight stays about the same, a target more moves nobody else's points.
        self.per_weight = POINTS / 2.0 ** round(math.log2(self.weights / len(targets)))
        ring = sorted([(place, owner) for owner, target in enumerate(targets) for place in self.places(target)])
        self._places = [place for place, _ in ring]
        self._owners = [owner for _, owner in ring]

    def places(self, target: Target) -> list[int]:
        """Where the points of ``target`` lie, of 2^64."""
        count = max(1, round(self.per_weight * target.weight))
        return [_place(target.name, b"%d" % number) for number in range(count)]

    def first(self, key: int, fair: float) -> Target:
        """The first from ``key`` on that has room when each unit of weight may hold ``fair`` calls."""
        places, owners, targets = self._places, self._owners, self.targets
        at = bisect_left(places, key)
        for step in range(at, at + len(places)):
            target = targets[owners[step % len(places)]]
            if target.in_flight < math.ceil(fair * target.weight):
                return target
        raise AssertionError("all targets hold more than their mean")

    def __repr__(self) -> str:
        return f"<Ring of {len(self._places)} points for {len(self.targets)} targets>"


class ConsistentHash:
    """A list of candidates is known again by its identity: it is made anew when anything about it changes."""

    prefix = False
    largest = False

    def __init__(self) -> None:
        self._rings: dict[int, Ring] = {}

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """The first on the ring from the key on that has room."""
        if len(targets) == 1:
            return targets[0]
        ring = self._ring(targets)
        total = 1 + sum([target.in_flight for target in targets])
        return ring.first(_place(*key_of(ask)), BOUND * total / ring.weights)

    def _ring(self, targets: Sequence[Target]) -> Ring:
        ring = self._rings.get(id(targets))
        if ring is None or ring.targets is not targets:
            if len(self._rings) >= MOST_RINGS:
                self._rings.clear()
            ring = self._rings[id(targets)] = Ring(targets)
        return ring

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """Where its first point comes on the way round from the key, as a share of the ring."""
        key = _place(*key_of(ask))
        rings = [ring for ring in self._rings.values() if target in ring.targets]
        places = (rings[-1] if rings else Ring([target])).places(target)
        return {"distance": min([(place - key) % 2**64 for place in places]) / 2**64}

    def __repr__(self) -> str:
        return f"<ConsistentHash with {list(self._rings.values())}>"


def key_of(ask: Ask) -> tuple[str, bytes]:
    """What is to stay together. Blocks are hashes that hold in one process only: a simulated call has nothing else."""
    if ask.session:
        return ask.session, b""
    beginning = ask.beginning()
    if beginning:
        return ask.scope, beginning
    if ask.blocks:
        return "", b"%d" % ask.blocks[0]
    return ask.call.client, b""


def _place(name: str, more: bytes) -> int:
    return int.from_bytes(blake2b(b"%b\0%b" % (name.encode(), more), digest_size=8).digest(), "big")
