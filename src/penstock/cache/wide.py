"""A dictionary that grows without holding anybody up: one of a hundred thousand takes milliseconds to become larger.

Enters and leaves what a dictionary takes and gives; its order is that of one dictionary only while it is small. Pure.
Its memory is that of what is in it. May fail: as a dictionary does.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from itertools import chain
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

SMALL = 4_096
"""Up to so many are in one dictionary; from then on they are spread over ``PARTS``."""
PARTS = 64


class Wide(MutableMapping[K, V]):
    """``parts``: the dictionaries that hold it all."""

    __slots__ = ("_mask", "parts")

    def __init__(self) -> None:
        self.parts: list[dict[K, V]] = [{}]
        self._mask = 0

    def __getitem__(self, key: K) -> V:
        return self.parts[hash(key) & self._mask][key]

    def __setitem__(self, key: K, value: V) -> None:
        part = self.parts[hash(key) & self._mask]
        part[key] = value
        if not self._mask and len(part) > SMALL:
            self._spread(part)

    def _spread(self, whole: dict[K, V]) -> None:
        parts: list[dict[K, V]] = [{} for _ in range(PARTS)]
        for key, value in whole.items():
            parts[hash(key) & PARTS - 1][key] = value
        self.parts, self._mask = parts, PARTS - 1

    def __delitem__(self, key: K) -> None:
        del self.parts[hash(key) & self._mask][key]

    def __contains__(self, key: object) -> bool:
        return key in self.parts[hash(key) & self._mask]

    def __iter__(self) -> Iterator[K]:
        return chain.from_iterable(self.parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts)) if self._mask else len(self.parts[0])

    def __bool__(self) -> bool:
        return any(self.parts)

    def __repr__(self) -> str:
        return f"<Wide {len(self)} in {len(self.parts)} parts>"
