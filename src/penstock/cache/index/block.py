"""A run of rows, each a vector in 8 bits: plain arrays side by side, without gaps. Pure.

Enters rows by number. Leaves exact cosines with a query. A block begins with one row and doubles; from a few thousand
on it takes its full size at once, of which the system makes real only what is written, so that growing never copies
megabytes while calls wait. Not checked here: that a row number is within the block.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.cache.index.nearest import sign_bytes, signs_of

FULL = 131_072
DOUBLES_TO = 2_048

Whole = np.ndarray[Any, np.dtype[np.int8]]
Floats = np.ndarray[Any, np.dtype[np.float32]]
Rows = np.ndarray[Any, np.dtype[Any]]


def row_bytes(dimensions: int) -> int:
    """What one entry takes here: numbers, signs, factor, id."""
    return dimensions + sign_bytes(dimensions) + 4 + 8


class Block:
    """``size`` rows are in use, ``touched`` is the most there ever were."""

    __slots__ = ("_dimensions", "factors", "ids", "rows", "signs", "size", "touched")

    def __init__(self, dimensions: int, capacity: int = 1) -> None:
        self._dimensions = dimensions
        self.size = 0
        self.touched = 0
        self.rows: Whole = np.empty((capacity, dimensions), np.int8)
        self.signs = np.empty((capacity, sign_bytes(dimensions)), np.uint8)
        self.factors: Floats = np.empty(capacity, np.float32)  # what makes a row's length 1
        self.ids = np.empty(capacity, np.int64)

    def reserve(self, size: int) -> None:
        """Room for so many rows, FULL at most."""
        capacity = len(self.ids)
        if size <= capacity:
            return
        wanted = FULL if size > DOUBLES_TO else min(max(size, 2 * capacity), DOUBLES_TO)
        self._move(wanted)

    def shrink(self) -> None:
        """Give room back when most of it is empty."""
        capacity = len(self.ids)
        if capacity > 4 and self.size * 4 <= min(capacity, 2 * DOUBLES_TO):
            self._move(max(1, 2 * self.size))

    def _move(self, capacity: int) -> None:
        other = Block(self._dimensions, capacity)
        size = self.size
        for name in ("rows", "signs", "factors", "ids"):
            array = getattr(other, name)
            array[:size] = getattr(self, name)[:size]
            setattr(self, name, array)
        self.touched = size

    def put(self, at: int, identity: int, row: Whole, factor: float) -> None:
        self.rows[at] = row
        self.signs[at] = signs_of(row)
        self.factors[at] = factor
        self.ids[at] = identity

    def fill(self, identities: Rows, rows: Whole) -> None:
        """Append rows, for which there is room."""
        some = slice(self.size, self.size + len(rows))
        self.rows[some] = rows
        self.signs[some] = signs_of(rows)
        numbers = rows.astype(np.float32)
        self.factors[some] = 1 / np.sqrt(np.vecdot(numbers, numbers))
        self.ids[some] = identities
        self.size = some.stop
        self.touched = max(self.touched, self.size)

    def copy(self, at: int, other: Block, source: int) -> int:
        """Take over another block's row; its id."""
        self.rows[at] = other.rows[source]
        self.signs[at] = other.signs[source]
        self.factors[at] = other.factors[source]
        self.ids[at] = other.ids[source]
        return int(self.ids[at])

    def cosines(self, query: Floats, which: Rows | None = None) -> Floats:
        """Of the rows named, else of all."""
        some: Rows | slice = slice(self.size) if which is None else which
        products: Floats = np.vecdot(self.rows[some].astype(np.float32), query)
        return products * self.factors[some]

    def __repr__(self) -> str:
        return f"<Block {self.size} of {len(self.ids)} rows>"
