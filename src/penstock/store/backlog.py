"""Writes that wait for their store, bounded in number and bytes: what does not fit is refused. Pure."""

from __future__ import annotations

from collections import deque

from penstock.store.asked import Add, Mark, Once, Write, size_of

MOST_WRITES = 50_000
MOST_BYTES = 64 * 2**20


class Backlog:
    """First in, first out. Whoever uses it from several threads locks it."""

    def __init__(self, writes: int = MOST_WRITES, size: int = MOST_BYTES) -> None:
        self._most = (writes, size)
        self._waiting: deque[tuple[Write, int]] = deque()
        self.bytes = 0

    def offer(self, write: Write) -> bool:
        """Queue it; False when it does not fit. A mark always fits: whoever waits for it is the bound."""
        size = size_of(write)
        if type(write) is not Mark and (
            len(self._waiting) >= self._most[0] or (self.bytes + size > self._most[1] and self._waiting)
        ):
            return False
        self._waiting.append((write, size))
        self.bytes += size
        return True

    def take(self, writes: int, size: int) -> list[Write]:
        """The oldest, at least one if there is any, up to so many and so many bytes."""
        taken: list[Write] = []
        while self._waiting and len(taken) < writes and (size > 0 or not taken):
            write, bytes_ = self._waiting.popleft()
            self.bytes -= bytes_
            size -= bytes_
            taken.append(write)
        return taken

    def take_awaited(self) -> list[Write]:
        """All whose asker waits for an answer."""
        taken = [entry for entry in self._waiting if isinstance(entry[0], Add | Once | Mark)]
        if taken:
            self._waiting = deque(entry for entry in self._waiting if not isinstance(entry[0], Add | Once | Mark))
            self.bytes -= sum(size for _, size in taken)
        return [write for write, _ in taken]

    def __len__(self) -> int:
        return len(self._waiting)

    def __repr__(self) -> str:
        return f"<Backlog {len(self._waiting)} writes, {self.bytes} bytes>"
