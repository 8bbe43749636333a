"""The KV cache of one replica: tokens held by calls that run, and blocks kept after them, the least recent first out.

A block is known by an id that stands for it and all before it (equal ids: equal beginnings). What calls hold and
what is kept never exceed the capacity and ``host``, the memory beside it; what is kept gives way to calls.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence


class Kv:
    """``held``: tokens reserved by calls; a block that several use counts once. ``size``: tokens of a block."""

    __slots__ = ("_kept", "_used", "capacity", "held", "host", "size")

    def __init__(self, capacity: int, size: int, host: int = 0) -> None:
        self.capacity = capacity
        self.size = size
        self.host = host
        self.held = 0
        self._used: dict[int, int] = {}
        self._kept: OrderedDict[int, None] = OrderedDict()

    @property
    def kept(self) -> int:
        """Tokens that no call needs, but that may be found again."""
        return len(self._kept) * self.size

    def depth(self, blocks: Sequence[int]) -> int:
        """How many of the first ``blocks`` are here."""
        used, kept = self._used, self._kept
        depth = 0
        for block in blocks:
            if block not in used and block not in kept:
                break
            depth += 1
        return depth

    def take(self, blocks: Sequence[int], depth: int, private: int) -> bool:
        """Reserve ``private`` tokens, and the first ``depth`` of ``blocks``, which are here. False: no room."""
        used, kept = self._used, self._kept
        found = [block for block in blocks[:depth] if block in kept]
        if self.held + len(found) * self.size + private > self.capacity:
            return False
        for block in found:
            del kept[block]
        for block in blocks[:depth]:
            used[block] = used.get(block, 0) + 1
        self.held += len(found) * self.size + private
        size = self.size
        room = self.capacity - self.held + self.host
        while len(kept) * size > room:
            kept.popitem(last=False)
        return True

    def share(self, blocks: Sequence[int]) -> list[int]:
        """``blocks`` were computed within a call's private tokens: others may use them now. Returns those that were
        not here yet: they are the call's no more, and held by their own count."""
        used, kept = self._used, self._kept
        new: list[int] = []
        for block in blocks:
            if block not in used and block not in kept:
                used[block] = 1
                new.append(block)
        return new

    def give(self, blocks: Sequence[int], private: int) -> None:
        """A call lets go of ``blocks`` and of ``private`` tokens. Of a prompt that is evicted in part, its beginning
        stays longest."""
        used, kept = self._used, self._kept
        self.held -= private
        for block in reversed(blocks):
            count = used[block] - 1
            if count:
                used[block] = count
            else:
                del used[block]
                kept[block] = None
                self.held -= self.size

    def __repr__(self) -> str:
        return f"<Kv {self.held} held, {self.kept} kept of {self.capacity}>"
