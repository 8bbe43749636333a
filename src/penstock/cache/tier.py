"""The answers that this worker holds in memory, bounded by an account of the ledger. Pure.

Enters: answers of entries. Leaves: an answer, or None where it is not held (the store may have it). What goes is what
is least worth keeping. May fail: not at all.
"""

from __future__ import annotations

from penstock.cache.entry import Answer, Entry
from penstock.cache.tinylfu import TinyLfu
from penstock.core.ports import Account

ANSWER_BYTES = 300
"""What an answer counts for beside its bytes."""


class Tier:
    """See the module. ``bound``: bytes, as the account's; recordings under way take of the account too."""

    def __init__(self, account: Account, bound: int, keys: int) -> None:
        self._account = account
        self._answers: dict[bytes, Answer] = {}
        self._keys = keys
        self._order = TinyLfu(bound, keys)

    def resize(self, bound: int) -> None:
        """Another bound from now on."""
        self._order.bound = bound

    @property
    def held(self) -> int:
        """Bytes."""
        return self._order.held

    def get(self, id: bytes) -> Answer | None:
        """The answer, if it is held."""
        answer = self._answers.get(id)
        if answer is not None:
            self._order.touch(id)
        return answer

    def put(self, entry: Entry, answer: Answer) -> list[bytes]:
        """Hold it if it is worth its place. Gives the ids of those that are held no more, its own perhaps."""
        self.drop(entry.id)
        size = answer.size + ANSWER_BYTES
        gone: list[bytes] = []
        while not self._account.reserve(size):
            victim = self._order.drop()
            if victim is None:
                return [*gone, entry.id]
            gone.append(victim)
            self._let_go(victim)
        self._answers[entry.id] = answer
        for id in self._order.add(entry.id, size, entry.worth):
            gone.append(id)
            self._let_go(id)
        return gone

    def drop(self, id: bytes) -> None:
        """Hold it no more."""
        if id in self._answers:
            self._order.remove(id)
            self._let_go(id)

    def clear(self) -> None:
        """Hold nothing any more."""
        self._account.release(self._order.held)
        self._answers = {}
        self._order = TinyLfu(self._order.bound, self._keys)

    def _let_go(self, id: bytes) -> None:
        self._account.release(self._answers.pop(id).size + ANSWER_BYTES)

    def __contains__(self, id: bytes) -> bool:
        return id in self._answers

    def __len__(self) -> int:
        return len(self._answers)

    def __repr__(self) -> str:
        return f"<Tier {len(self._answers)} answers, {self._order!r}>"
