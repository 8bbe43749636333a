"""Consistent hashing with bounded load: a session keeps its upstream unless that one has more than its fair share.

A ring of points (Karger et al. 1997), some 64 for a mean weight; a key goes to the first target clockwise whose calls
in flight, with this one, stay within ceil(c · total · weight / weights), c = 1.25 (Mirrokni, Thorup and Zadimoghaddam
2018; as SGLang's prefix_hash). The key: the session, else the prompt's beginning, else the client.
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


class ConsistentHash:
    """The ring is made anew when the targets or their weights have changed."""

    prefix = True
    largest = False

    def __init__(self) -> None:
        self._made_of: tuple[tuple[str, int], ...] = ()
        self._points: list[int] = []
        self._owners: list[int] = []

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """The first on the ring from the key on that has room."""
        if len(targets) == 1:
            return targets[0]
        made_of = tuple([(target.name, target.weight) for target in targets])
        if made_of != self._made_of:
            self._make(made_of)
        total = 1
        weights = 0
        for target in targets:
            total += target.in_flight
            weights += target.weight
        fair = BOUND * total / weights
        points = self._points
        at = bisect_left(points, _place(key_of(ask)))
        for step in range(len(points)):
            target = targets[self._owners[(at + step) % len(points)]]
            if target.in_flight + 1 <= math.ceil(fair * target.weight):
                return target
        raise AssertionError("all targets hold more than their mean")

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """Where its first point comes on the way round from the key, as a share of the ring."""
        key = _place(key_of(ask))
        return {"distance": min((point - key) % 2**64 for point in _points(target.name, POINTS)) / 2**64}

    def _make(self, made_of: tuple[tuple[str, int], ...]) -> None:
        mean = sum([weight for _, weight in made_of]) / len(made_of)
        ring: list[tuple[int, int]] = []
        for owner, (name, weight) in enumerate(made_of):
            ring += [(point, owner) for point in _points(name, max(1, round(POINTS * weight / mean)))]
        ring.sort()
        self._made_of = made_of
        self._points = [point for point, _ in ring]
        self._owners = [owner for _, owner in ring]

    def __repr__(self) -> str:
        return f"<ConsistentHash of {len(self._made_of)} targets, {len(self._points)} points>"


def key_of(ask: Ask) -> str:
    """What is to stay together."""
    if ask.session:
        return ask.session
    if ask.blocks:
        return str(ask.blocks[0])
    return ask.call.client


def _points(name: str, count: int) -> list[int]:
    return [_place(f"{name}\0{number}") for number in range(count)]


def _place(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
