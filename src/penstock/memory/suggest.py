"""What a person might change about memory, from what was counted. Pure.

Enters: accounts, caches with their hits, the mean of the objects in each account, pauses of the collector. Leaves: a
sentence each, with what it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

LEAST_HITS = 0.5
"""A cache that answers less often does not need what it holds."""
LEAST_LOOKUPS = 1000
"""Before so many nothing is said of a cache."""
LARGE_OBJECT = 0.8
"""Of the largest that is allowed: if the mean is larger, many are likely to be refused."""
LEAST_OBJECTS = 100
LONG_PAUSES_SECONDS = 0.1
"""A minute."""
SHORT_OF_MEMORY = 0.7
"""Of the limit: from here on the largest holder is named."""


class Cache(NamedTuple):
    """``name`` found ``hits`` of ``lookups`` and holds ``held`` of ``bound`` bytes."""

    name: str
    hits: int
    lookups: int
    held: int
    bound: int


class Objects(NamedTuple):
    """``number`` objects of ``mean`` bytes came; ``most`` is the largest allowed by ``key``."""

    name: str
    number: int
    mean: float
    most: int
    key: str


class Suggestion(NamedTuple):
    """``about`` is one of a closed set."""

    about: str
    name: str
    text: str


def suggestions(
    *,
    share: float,
    accounts: Mapping[str, int],
    caches: Iterable[Cache] = (),
    objects: Iterable[Objects] = (),
    pauses: float = 0.0,
) -> list[Suggestion]:
    """``share`` of the limit is in use, ``accounts`` hold so many bytes, ``pauses`` seconds were paused in a minute."""
    found = []
    if share > SHORT_OF_MEMORY and accounts:
        name, held = max(accounts.items(), key=lambda pair: pair[1])
        text = f"{share:.0%} of the memory limit is in use; most is held by '{name}' ({held / 2**20:.0f} MiB)"
        found.append(Suggestion("pressure", name, text + ": lower its bound, or raise memory.limit"))
    for cache in caches:
        rate = cache.hits / cache.lookups if cache.lookups else 1.0
        if cache.lookups >= LEAST_LOOKUPS and rate < LEAST_HITS and cache.held > cache.bound / 2:
            text = f"'{cache.name}' answers {rate:.0%} of the calls it could and holds {cache.held / 2**20:.0f} MiB"
            found.append(Suggestion("hit_rate", cache.name, text + ": a smaller bound would cost few hits"))
    for one in objects:
        if one.number >= LEAST_OBJECTS and one.mean > LARGE_OBJECT * one.most:
            text = f"'{one.name}' have {one.mean / 2**10:.0f} KiB in the mean, {one.most / 2**10:.0f} are allowed"
            found.append(Suggestion("object_size", one.name, text + f": raise {one.key}"))
    if pauses > LONG_PAUSES_SECONDS:
        text = f"collections of garbage held everything up for {pauses * 1000:.0f} ms within a minute"
        found.append(Suggestion("pauses", "collector", text + ": fewer cached entries a worker, or more workers"))
    return found
