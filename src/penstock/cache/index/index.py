"""The index of one partition: vectors by id, and the nearest of them with their exact cosines. In memory alone.

Enters unit vectors, or their kept form of one byte a dimension. Leaves ids with cosines, best first. It is not saved:
whoever starts adds what the store holds, and a damaged entry is refused by itself. Few entries are compared one by
one; of many, those with the most equal signs. What is no vector of its dimension is refused, never an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.cache.embedding.vectors import checked, whole
from penstock.cache.index.block import FULL, Block, row_bytes
from penstock.cache.index.nearest import nearest, signs_of
from penstock.cache.wide import Wide

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Vector
    from penstock.cache.index.block import Floats, Whole

COMPARED = 512
"""Up to so many entries each is compared."""

CANDIDATES = 128
"""How many are ranked exactly. With MiniLM's vectors 16 hold the nearest of 100,000 whenever its cosine is above 0.75;
with static vectors 128 do."""

ENTRY_BYTES = 90
"""What Python keeps an entry: its place by its id."""


class Index:
    """Ids are whole numbers of 63 bits, the caller's own."""

    __slots__ = ("_blocks", "_places", "dimensions")

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._blocks = [Block(dimensions)]
        self._places: Wide[int, int] = Wide()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, identity: int) -> bool:
        return identity in self._places

    @property
    def held(self) -> int:
        """Bytes, a little more rather than less."""
        touched = sum(block.touched for block in self._blocks)
        return 600 + touched * row_bytes(self.dimensions) + len(self._places) * ENTRY_BYTES

    def add(self, identity: int, vector: Vector) -> bool:
        """Put a vector in, in place of the id's former one. False when it is none of this index."""
        if checked(vector, self.dimensions) is None:
            return False
        return self._put(identity, whole(np.asarray(vector, np.float32)))

    def add_packed(self, identity: int, data: bytes) -> bool:
        """The same from the kept form."""
        return len(data) == self.dimensions and self._put(identity, np.frombuffer(data, np.int8))

    def extend(self, identities: Sequence[int], data: bytes) -> int:
        """Many kept forms, one after the other, as when the store is read: some 2 µs each, so 500 at a time.
        How many were taken."""
        if len(data) != len(identities) * self.dimensions:
            return 0
        rows = np.frombuffer(data, np.int8).reshape(-1, self.dimensions)
        if len(set(identities)) != len(identities) or not self._places.keys().isdisjoint(identities):
            return sum(self._put(identity, row) for identity, row in zip(identities, rows, strict=True))
        sound = rows.any(axis=1)
        ids = np.asarray(identities, np.int64)[sound]
        rows = rows[sound]
        taken = 0
        while taken < len(ids):
            block = self._room(len(ids) - taken)
            count = min(len(ids) - taken, len(block.ids) - block.size)
            block.fill(ids[taken : taken + count], rows[taken : taken + count])
            taken += count
        first = len(self._places)
        self._places.update(zip(ids.tolist(), range(first, first + len(ids)), strict=True))
        return taken

    def packed(self, identity: int) -> bytes | None:
        """The kept form of an entry."""
        place = self._places.get(identity)
        if place is None:
            return None
        row: Whole = self._blocks[place // FULL].rows[place % FULL]
        return row.tobytes()

    def remove(self, identity: int) -> bool:
        """Take an entry out, its numbers with it: the last row takes its place."""
        place = self._places.pop(identity, None)
        if place is None:
            return False
        last = self._blocks[-1]
        last.size -= 1
        if place != len(self._places):
            moved = self._blocks[place // FULL].copy(place % FULL, last, last.size)
            self._places[moved] = place
        last.rows[last.size] = 0
        if not last.size and len(self._blocks) > 1:
            self._blocks.pop()
        elif len(self._blocks) == 1:
            last.shrink()
        return True

    def search(self, vector: Vector, count: int) -> list[tuple[int, float]]:
        """The ``count`` nearest as (id, cosine), best first. Empty when the vector is none of this index."""
        size = len(self._places)
        if not size or count < 1:
            return []
        query = checked(vector, self.dimensions)
        if query is None:
            return []
        if size <= COMPARED:
            block = self._blocks[0]
            return _best(block.ids[:size], block.cosines(query), count)
        ids, cosines = self._ranked(query, max(CANDIDATES, 8 * count))
        return _best(ids, cosines, count)

    def _ranked(self, query: Vector, candidates: int) -> tuple[np.ndarray[Any, Any], Floats]:
        signs = signs_of(query)
        if len(self._blocks) == 1:
            block = self._blocks[0]
            _, rows = nearest(block.signs[: block.size], signs, candidates)
            return block.ids[rows], block.cosines(query, rows)
        found = [nearest(block.signs[: block.size], signs, candidates) for block in self._blocks]
        distances = np.concatenate([distances for distances, _ in found])
        bound = np.partition(distances, candidates)[candidates] if len(distances) > candidates else distances.max()
        ids, cosines = [], []
        for block, (differing, rows) in zip(self._blocks, found, strict=True):
            which = rows[differing <= bound]
            if len(which):
                ids.append(block.ids[which])
                cosines.append(block.cosines(query, which))
        return np.concatenate(ids), np.concatenate(cosines)

    def _put(self, identity: int, row: Whole) -> bool:
        length = float(np.sqrt(np.square(row, dtype=np.float32).sum()))
        if not length:
            return False
        place = self._places.get(identity)
        if place is None:
            block = self._room(1)
            place = len(self._places)
            block.size += 1
            block.touched = max(block.touched, block.size)
        else:
            block = self._blocks[place // FULL]
        block.put(place % FULL, identity, row, 1.0 / length)
        self._places[identity] = place
        return True

    def _room(self, count: int) -> Block:
        """A block with room for one row more, and for ``count`` if they fit into one."""
        block = self._blocks[-1]
        if block.size == FULL:
            block = Block(self.dimensions)
            self._blocks.append(block)
        block.reserve(min(block.size + count, FULL))
        return block

    def __repr__(self) -> str:
        return f"<Index {len(self)} entries of {self.dimensions} dimensions, {self.held} bytes>"


def _best(ids: np.ndarray[Any, Any], cosines: Floats, count: int) -> list[tuple[int, float]]:
    if len(cosines) > count:
        top = np.argpartition(cosines, -count)[-count:]
        ids, cosines = ids[top], cosines[top]
    order = np.argsort(-cosines, kind="stable")
    return list(zip(ids[order].tolist(), cosines[order].tolist(), strict=True))
