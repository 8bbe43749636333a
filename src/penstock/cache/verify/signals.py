"""What the neighbourhood says of each answer group that is near: distance, margin, agreement, history, words.

Enters: the entries that the index found, best first, with their cosines, and the question. Leaves: for the best few
groups the entry that stands for it and ``len(NAMES)`` numbers. Nothing fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log1p
from typing import NamedTuple

from penstock.cache.verify.groups import Entry, Group
from penstock.cache.verify.lexical import Prepared

NAMES: tuple[str, ...] = (
    "cosine", "cosine_squared", "margin", "agreement", "agreement_wide", "agreement_narrow", "cosine_agreement",
    "second", "neighbours", "rivals", "size", "right", "wrong", "covered", "covered_elsewhere", "nearest",
)  # fmt: skip
MOST_GROUPS = 3
"""Groups that are scored; the others count only as rivals."""

_WIDE, _MIDDLE, _NARROW = 6.0, 12.0, 25.0


class Sighting(NamedTuple):
    """A group that is near: ``entry`` is its nearest, found at ``place`` of what was given."""

    place: int
    entry: Entry
    values: tuple[float, ...]


class _Share:
    __slots__ = ("cosine", "count", "entry", "middle", "narrow", "place", "second", "wide")

    def __init__(self, place: int, entry: Entry, cosine: float) -> None:
        self.place = place
        self.entry = entry
        self.cosine = cosine
        self.second = self.wide = self.middle = self.narrow = 0.0
        self.count = 0


def sightings(asked: Prepared, near: Sequence[tuple[int, Entry, float]]) -> list[Sighting]:
    """``near``: (place, entry, cosine), best first."""
    shares: dict[Group, _Share] = {}
    wide = middle = narrow = 0.0
    for place, entry, cosine in near:
        share = shares.get(entry.group)
        if share is None:
            share = shares[entry.group] = _Share(place, entry, cosine)
        elif share.count == 1:
            share.second = cosine
        share.count += 1
        away = cosine - 1.0
        weight = exp(away * _WIDE)
        wide += weight
        share.wide += weight
        weight *= weight
        middle += weight
        share.middle += weight
        weight = exp(away * _NARROW)
        narrow += weight
        share.narrow += weight
    found = list(shares.values())
    covered = [share.entry.group.covers(asked.content) for share in found]
    return [
        Sighting(share.place, share.entry, _values(share, number, found, covered, (wide, middle, narrow)))
        for number, share in enumerate(found[:MOST_GROUPS])
    ]


def _values(
    share: _Share, number: int, found: list[_Share], covered: list[float], sums: tuple[float, float, float]
) -> tuple[float, ...]:
    rival = 0 if number else 1  # the nearest of the others
    others = len(found) > 1
    group = share.entry.group
    known = group.right + group.wrong + 1.0
    cosine = share.cosine
    agreement = share.middle / sums[1]
    return (
        cosine,
        cosine * cosine,
        cosine - (found[rival].cosine if others else 0.0),
        agreement,
        share.wide / sums[0],
        share.narrow / sums[2],
        cosine * agreement,
        share.second,
        share.count / 8,
        len(found) / 8,
        log1p(group.size) / 5,
        group.right / known,
        group.wrong / known,
        covered[number],
        max([value for place, value in enumerate(covered) if place != number]) if others else 0.0,
        0.0 if number else 1.0,
    )
