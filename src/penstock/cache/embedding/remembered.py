"""The vectors of texts embedded of late: the least recently used go when the bytes run out. Pure.

Enters texts with their vectors. Leaves vectors. Texts themselves are not kept: the key is their BLAKE2b hash of 128
bits, so a vector can be told for a text but no text for a vector.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Vector

OVERHEAD_BYTES = 300
"""What key, array and place in the order take beside the numbers."""


def key_of(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()


class Remembered:
    """``held`` never stays above ``most`` bytes; with 0 nothing is kept."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0
        self._kept: OrderedDict[bytes, Vector] = OrderedDict()

    def get(self, key: bytes) -> Vector | None:
        vector = self._kept.get(key)
        if vector is not None:
            self._kept.move_to_end(key)
        return vector

    def put(self, key: bytes, vector: Vector) -> None:
        cost = vector.nbytes + OVERHEAD_BYTES
        if key in self._kept or cost > self.most:
            return
        self._kept[key] = vector
        self.held += cost
        while self.held > self.most:
            _, gone = self._kept.popitem(last=False)
            self.held -= gone.nbytes + OVERHEAD_BYTES

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"<Remembered {len(self)} vectors, {self.held} of {self.most} bytes>"
