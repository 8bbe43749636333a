"""Which keys stay where not all fit: W-TinyLFU, by worth. Pure.

A newcomer enters a small window. What leaves the window must be asked for more often, by what a byte of it saves, than
the key that would have to go for it; so one burst of questions that nobody repeats drives out nothing. How often keys
are asked for is counted in a sketch that halves itself as it ages. Enters: keys with what is held under them, its bytes
and worth. Leaves: what has to go. Bounded by the bytes given.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

WINDOW = 0.01
PROTECTED = 0.8
"""Shares of the whole: of newcomers, and within the rest of those asked for again."""

V = TypeVar("V")


class Sketch:
    """How often keys were asked for lately, never told too low: a count-min sketch of bytes. Keys are digests: their
    bits are as good as any hash of them."""

    __slots__ = ("_mask", "_rows", "_sample", "_seen")

    def __init__(self, keys: int) -> None:
        width = 1 << max(6, (keys - 1).bit_length())
        self._mask = width - 1
        self._rows = (bytearray(width), bytearray(width), bytearray(width), bytearray(width))
        self._sample = 10 * width
        self._seen = 0

    def add(self, key: bytes) -> None:
        """The key was asked for."""
        bits, mask = int.from_bytes(key, "little"), self._mask
        one, two, three, four = self._rows  # written out: a loop takes twice as long
        at = bits & mask
        if one[at] < 255:
            one[at] += 1
        at = bits >> 32 & mask
        if two[at] < 255:
            two[at] += 1
        at = bits >> 64 & mask
        if three[at] < 255:
            three[at] += 1
        at = bits >> 96 & mask
        if four[at] < 255:
            four[at] += 1
        self._seen += 1
        if self._seen >= self._sample:
            self._age()

    def _age(self) -> None:
        self._seen //= 2
        halved = bytes(count // 2 for count in range(256))
        one, two, three, four = (row.translate(halved) for row in self._rows)
        self._rows = (one, two, three, four)

    def count(self, key: bytes) -> int:
        """About how often."""
        bits, mask = int.from_bytes(key, "little"), self._mask
        one, two, three, four = self._rows
        return min(one[bits & mask], two[bits >> 32 & mask], three[bits >> 64 & mask], four[bits >> 96 & mask])


class TinyLfu(Generic[V]):
    """See the module. ``size`` tells the bytes of what is held under a key, ``worth`` what each of them saves; neither
    may change while it is held."""

    def __init__(
        self, bound: int, sketch: Sketch, size: Callable[[V], int], worth: Callable[[bytes, V], float]
    ) -> None:
        self.bound = bound
        self.held = 0
        self._sketch = sketch
        self._size = size
        self._worth = worth
        self._window: OrderedDict[bytes, V] = OrderedDict()
        self._probation: OrderedDict[bytes, V] = OrderedDict()
        self._protected: OrderedDict[bytes, V] = OrderedDict()
        self._window_held = 0
        self._protected_held = 0

    def __len__(self) -> int:
        return len(self._window) + len(self._probation) + len(self._protected)

    def __contains__(self, key: bytes) -> bool:
        return key in self._protected or key in self._probation or key in self._window

    def __iter__(self) -> Iterator[bytes]:
        yield from self._window
        yield from self._probation
        yield from self._protected

    def get(self, key: bytes) -> V | None:
        """What is held under ``key``; it was asked for."""
        value = self._protected.get(key)
        if value is not None:
            self._protected.move_to_end(key)
            return value
        value = self._window.get(key)
        if value is not None:
            self._window.move_to_end(key)
            return value
        value = self._probation.pop(key, None)
        if value is not None:
            self._protect(key, value)
        return value

    def _protect(self, key: bytes, value: V) -> None:
        self._protected[key] = value
        self._protected_held += self._size(value)
        while self._protected_held > PROTECTED * self.bound and len(self._protected) > 1:
            old, moved = self._protected.popitem(last=False)
            self._protected_held -= self._size(moved)
            self._probation[old] = moved

    def add(self, key: bytes, value: V) -> list[tuple[bytes, V]]:
        """Take a key in; gives what has to go, ``key`` itself perhaps."""
        window, probation = self._window, self._probation
        if key in probation or key in window or key in self._protected:
            self.remove(key)
        size = self._size(value)
        if size > self.bound:
            return [(key, value)]
        window[key] = value
        self._window_held += size
        self.held += size
        gone: list[tuple[bytes, V]] = []
        room = WINDOW * self.bound
        while self._window_held > room and window:
            newcomer, entering = window.popitem(last=False)
            self._window_held -= self._size(entering)
            if self.held > self.bound:
                self._admit(newcomer, entering, gone)
            else:
                probation[newcomer] = entering
        while self.held > self.bound:
            gone.append(self._drop())
        return gone

    def _admit(self, key: bytes, value: V, gone: list[tuple[bytes, V]]) -> None:
        """More is held than may be: put what left the window among the rest in place of others, or let it go."""
        mine = self._value(key, value)
        while self.held > self.bound and self._probation:
            victim = next(iter(self._probation))
            if self._value(victim, self._probation[victim]) >= mine:
                self.held -= self._size(value)
                gone.append((key, value))
                return
            dropped = self._probation.pop(victim)
            self.held -= self._size(dropped)
            gone.append((victim, dropped))
        self._probation[key] = value

    def _value(self, key: bytes, value: V) -> float:
        return (1 + self._sketch.count(key)) * self._worth(key, value)

    def _drop(self) -> tuple[bytes, V]:
        """The next to go where nobody new comes for it."""
        for those in (self._probation, self._window, self._protected):
            if those:
                key = next(iter(those))
                value = those[key]
                self.remove(key)
                return key, value
        raise LookupError("nothing is held")

    def drop(self) -> tuple[bytes, V] | None:
        """Let one go; None when nothing is held."""
        return self._drop() if len(self) else None

    def remove(self, key: bytes) -> V | None:
        """Forget a key. Gives what was held."""
        value = self._probation.pop(key, None)
        if value is None:
            value = self._window.pop(key, None)
            if value is not None:
                self._window_held -= self._size(value)
            else:
                value = self._protected.pop(key, None)
                if value is None:
                    return None
                self._protected_held -= self._size(value)
        self.held -= self._size(value)
        return value

    def __repr__(self) -> str:
        return f"<TinyLfu {len(self)} keys, {self.held} of {self.bound} bytes>"
