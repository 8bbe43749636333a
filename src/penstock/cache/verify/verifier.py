"""Joins candidates, vetoes, model, budget and bound to one decision: hit, miss, or a hit that is checked as well.

Enter: a prepared question, what the index found, the partition, one random number. Leaves: a Verdict. What came of it
is told with ``stored`` (a miss was answered), ``checked`` (a shadow was compared) and ``told`` (a user's feedback).
One Verifier per model and embedder; partitions are exact fingerprints of all but the question. Nothing here raises for
odd input: what cannot be judged is a miss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.cache.verify.lexical import Prepared
from penstock.cache.verify.verdict import Id, Near, Status, Verdict


class Verifier:
    """See the module."""

    def decide(self, asked: Prepared, near: Sequence[Near], partition: Id, uniform: float) -> Verdict:
        """Decide one question. ``near``: up to 8, best first, entries unknown to ``place`` are passed over.
        ``uniform``: a fresh random number in [0, 1). Every call counts as a request of the partition."""
        raise NotImplementedError

    def stored(
        self, verdict: Verdict, key: Id, asked: Prepared, judged: Mapping[Id, bool | None], group: Id | None = None
    ) -> Id:
        """A miss was answered and its answer is kept as ``key``. ``judged``: for entries of ``verdict.judge``, whether
        their answer equals the new one (None: nobody can tell). The key joins the group it was found equal to, or
        founds one. Gives the group, to be kept with the entry (it is what ``place`` wants on other workers)."""
        raise NotImplementedError

    def compared(self, verdict: Verdict, judged: Mapping[Id, bool | None]) -> None:
        """As ``stored`` for a miss whose answer is not kept: only learned from."""
        raise NotImplementedError

    def checked(self, verdict: Verdict, equal: bool | None) -> tuple[Id, ...]:
        """A shadow was compared with the upstream's answer. None (nobody can tell) counts as wrong for the bound:
        what is not known to be right is not. Gives the keys that should no longer be given (an answer found wrong)."""
        raise NotImplementedError

    def told(self, key: Id, right: bool) -> tuple[Id, ...]:
        """A user said of an answer given from ``key`` that it was right or wrong. Gives the keys to delete: when
        wrong, the whole group."""
        raise NotImplementedError

    def place(self, key: Id, asked: Prepared, partition: Id, group: Id | None = None) -> None:
        """Make an entry known that was stored before, or by another worker. ``group``: as ``stored`` gave it."""
        raise NotImplementedError

    def forget(self, key: Id) -> None:
        """The entry is gone (evicted, deleted, expired)."""
        raise NotImplementedError

    def status(self, partition: Id | None = None) -> Status:
        """How the bound stands, in all or in one partition."""
        raise NotImplementedError

    def dump(self) -> dict[str, Any]:
        """What was learned, as plain values (JSON or msgpack): model, budget, bound; not the entries."""
        raise NotImplementedError

    def load(self, kept: object) -> bool:
        """Take up what ``dump`` gave. False, and nothing is changed, if it is damaged or of another version."""
        raise NotImplementedError
