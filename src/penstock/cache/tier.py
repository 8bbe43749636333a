"""The answers that this worker holds in memory, bounded by an account of the ledger. Pure.

Enters: answers of entries. Leaves: an answer, or None where it is not held (the store may have it). What goes is what
is least worth keeping. May fail: not at all.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.cache.entry import Answer
from penstock.cache.tinylfu import Sketch, TinyLfu
from penstock.core.ports import Account

ANSWER_BYTES = 300
"""What an answer counts for beside its bytes."""

OTHER = b"-"
"""After an id: the same answer in its other form, whole or as a stream."""


class Tier:
    """See the module. ``bound``: bytes, as the account's; recordings under way take of the account too. ``worth`` tells
    what a byte of the answer of that id saves."""

    def __init__(self, account: Account, bound: int, sketch: Sketch, worth: Callable[[bytes], float]) -> None:
        self._account = account
        self._sketch = sketch
        self._worth = worth
        self._answers = self._empty(bound)

    def _empty(self, bound: int) -> TinyLfu[Answer]:
        return TinyLfu(bound, self._sketch, _size, lambda id, _: self._worth(id))

    def resize(self, bound: int) -> None:
        """Another bound from now on."""
        self._answers.bound = bound

    def shrink(self, bound: int) -> list[bytes]:
        """Another bound from now on, and at once. Gives the ids of those that are held no more."""
        self._answers.bound = bound
        gone: list[bytes] = []
        while self._answers.held > bound and (dropped := self._answers.drop()) is not None:
            self._account.release(_size(dropped[1]))
            gone.append(dropped[0])
        return gone

    @property
    def held(self) -> int:
        """Bytes."""
        return self._answers.held

    def get(self, id: bytes) -> Answer | None:
        """The answer, if it is held."""
        return self._answers.get(id)

    def put(self, id: bytes, answer: Answer) -> list[bytes]:
        """Hold it if it is worth its place. Gives the ids of those that are held no more, its own perhaps."""
        self.drop(id)
        gone: list[bytes] = []
        while not self._account.reserve(_size(answer)):
            dropped = self._answers.drop()
            if dropped is None:
                return [*gone, id]
            self._account.release(_size(dropped[1]))
            gone.append(dropped[0])
        for lost, old in self._answers.add(id, answer):
            self._account.release(_size(old))
            gone.append(lost)
        return gone

    def drop(self, id: bytes) -> None:
        """Hold it no more, in any form."""
        for key in (id, id + OTHER):
            answer = self._answers.remove(key)
            if answer is not None:
                self._account.release(_size(answer))

    def clear(self) -> None:
        """Hold nothing any more."""
        self._account.release(self._answers.held)
        self._answers = self._empty(self._answers.bound)

    def __contains__(self, id: bytes) -> bool:
        return id in self._answers

    def __len__(self) -> int:
        return len(self._answers)

    def __repr__(self) -> str:
        return f"<Tier {self._answers!r}>"


def _size(answer: Answer) -> int:
    return answer.size + ANSWER_BYTES
