"""The cache while memory is short: fewer answers held, and those that only memory held are gone. Pure.

Enters: the shelf and the share of its memory that it may use. Leaves: how many bytes came free.
"""

from __future__ import annotations

from penstock.cache.store import Shelf
from penstock.wire.asked import DIGEST_BYTES

LITTLE = 0.3
"""Below this share bodies that were hit once are no longer known by their bytes either."""


def squeeze(shelf: Shelf, share: float) -> int:
    """Keep to ``share`` of ``cache.memory``."""
    before = shelf.tier.held
    for id in shelf.tier.shrink(int(shelf.config.memory * share)):
        entry = shelf.directory.entries.get(id[:DIGEST_BYTES])
        if shelf.store is None and entry is not None and id == entry.id:
            shelf.directory.drop(entry, "full")
    if share < LITTLE:
        shelf.recall.clear()
    return before - shelf.tier.held
