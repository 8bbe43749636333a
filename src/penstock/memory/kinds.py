"""Which types of objects there are how many of, estimated from a bounded sample. Pure, but for the looking.

Enters: the objects that Python's collector follows (strings and bytes are not among them, nor what is frozen). Leaves:
counts by type, and which grew.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Mapping

MOST_LOOKED_AT = 50_000
"""Objects whose type is asked: some 5 ms. To list them all takes as long for each million."""


def count_types(most: int = MOST_LOOKED_AT) -> Counter[str]:
    """By ``module.name``; where there are more objects than ``most``, every n-th stands for n."""
    objects = gc.get_objects()
    step = max(1, -(-len(objects) // most))
    found = Counter(map(type, objects[::step]))
    del objects
    counts: Counter[str] = Counter()
    for kind, number in found.items():
        counts[named(kind)] += number * step
    return counts


def named(kind: type) -> str:
    """The name of a type as it is imported; built-in ones by themselves."""
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def growing(before: Mapping[str, int], after: Mapping[str, int], most: int = 10) -> list[tuple[str, int]]:
    """The types that grew most, and by how many objects."""
    grown = ((name, number - before.get(name, 0)) for name, number in after.items())
    return sorted(((name, more) for name, more in grown if more > 0), key=lambda pair: (-pair[1], pair[0]))[:most]
