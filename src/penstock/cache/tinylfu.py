"""Which keys stay where not all fit: W-TinyLFU, by worth. Pure.

A newcomer enters a small window. What leaves the window must be asked for more often, by what a byte of it saves, than
the key that would have to go for it; so one burst of questions that nobody repeats drives out nothing. How often keys
are asked for is counted in a sketch that halves itself as it ages. Enters: keys with their bytes and worth. Leaves: the
keys that have to go. Bounded by the bytes given.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

WINDOW = 0.01
PROTECTED = 0.8
"""Shares of the whole: of newcomers, and within the rest of those asked for again."""
_ROWS = 4


class Sketch:
    """How often keys were asked for lately, never told too low: a count-min sketch of bytes."""

    __slots__ = ("_mask", "_rows", "_sample", "_seen")

    def __init__(self, keys: int) -> None:
        width = 1 << max(6, (keys - 1).bit_length())
        self._mask = width - 1
        self._rows = [bytearray(width) for _ in range(_ROWS)]
        self._sample = 10 * width
        self._seen = 0

    def add(self, key: bytes) -> None:
        """The key was asked for."""
        places = int.from_bytes(key[:16], "little")
        for row in self._rows:
            at = places & self._mask
            if row[at] < 255:
                row[at] += 1
            places >>= 32
        self._seen += 1
        if self._seen >= self._sample:
            self._seen //= 2
            halve = bytes(count // 2 for count in range(256))
            self._rows = [row.translate(halve) for row in self._rows]

    def count(self, key: bytes) -> int:
        """About how often."""
        places = int.from_bytes(key[:16], "little")
        least = 255
        for row in self._rows:
            least = min(least, row[places & self._mask])
            places >>= 32
        return least


class TinyLfu:
    """See the module. Keys are digests: their bits are as good as any hash of them."""

    def __init__(self, bound: int, keys: int) -> None:
        self.bound = bound
        self.held = 0
        self._sketch = Sketch(keys)
        self._window: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._probation: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._protected: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._window_held = 0
        self._protected_held = 0

    def __len__(self) -> int:
        return len(self._window) + len(self._probation) + len(self._protected)

    def __contains__(self, key: bytes) -> bool:
        return key in self._window or key in self._protected or key in self._probation

    def __iter__(self) -> Iterator[bytes]:
        yield from self._window
        yield from self._probation
        yield from self._protected

    def touch(self, key: bytes) -> None:
        """The key was asked for, whether it is here or not."""
        self._sketch.add(key)
        if key in self._protected:
            self._protected.move_to_end(key)
        elif key in self._window:
            self._window.move_to_end(key)
        elif key in self._probation:
            weight = self._probation.pop(key)
            self._protected[key] = weight
            self._protected_held += weight[0]
            while self._protected_held > PROTECTED * self.bound and len(self._protected) > 1:
                old, moved = self._protected.popitem(last=False)
                self._protected_held -= moved[0]
                self._probation[old] = moved

    def add(self, key: bytes, size: int, worth: float) -> list[bytes]:
        """Take a key of ``size`` bytes in; gives those that have to go, ``key`` itself perhaps."""
        self.remove(key)
        if size > self.bound:
            return [key]
        self._window[key] = (size, worth)
        self._window_held += size
        self.held += size
        gone: list[bytes] = []
        while self._window_held > WINDOW * self.bound and self._window:
            newcomer, weight = self._window.popitem(last=False)
            self._window_held -= weight[0]
            gone += self._admit(newcomer, weight)
        while self.held > self.bound:
            gone.append(self._drop())
        return gone

    def _admit(self, key: bytes, weight: tuple[int, float]) -> list[bytes]:
        """Put what left the window among the rest, or let it go."""
        gone: list[bytes] = []
        value = self._value(key, weight)
        while self.held > self.bound and self._probation:
            victim = next(iter(self._probation))
            if self._value(victim, self._probation[victim]) >= value:
                self.held -= weight[0]
                return [*gone, key]
            size, _ = self._probation.pop(victim)
            self.held -= size
            gone.append(victim)
        self._probation[key] = weight
        return gone

    def _value(self, key: bytes, weight: tuple[int, float]) -> float:
        return (1 + self._sketch.count(key)) * weight[1]

    def _drop(self) -> bytes:
        """The next to go where nobody new comes for it."""
        for those in (self._probation, self._window, self._protected):
            if those:
                key = next(iter(those))
                self.remove(key)
                return key
        raise LookupError("nothing is held")

    def drop(self) -> bytes | None:
        """Let one go; None when nothing is held."""
        return self._drop() if len(self) else None

    def remove(self, key: bytes) -> None:
        """Forget a key."""
        weight = self._window.pop(key, None)
        if weight is not None:
            self._window_held -= weight[0]
        else:
            weight = self._protected.pop(key, None)
            if weight is not None:
                self._protected_held -= weight[0]
            else:
                weight = self._probation.pop(key, None)
        if weight is not None:
            self.held -= weight[0]

    def __repr__(self) -> str:
        return f"<TinyLfu {len(self)} keys, {self.held} of {self.bound} bytes>"
