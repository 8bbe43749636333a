"""Records of ended calls, put together by what they have in common, so that all who count add up columns. Pure.

Enters: records. Leaves: a ``Sheaf`` for all calls of one operation, model, upstream, status and end. To count calls
one by one costs three times as much, and two who count would each derive the same.
"""

from __future__ import annotations

from collections import Counter, namedtuple
from collections.abc import Iterable, Sequence
from itertools import compress
from operator import itemgetter
from typing import Any, Final

from penstock.core.finished import Finished, Record

HITS: Final[tuple[str, ...]] = ("hit-exact", "hit-semantic", "coalesced")
LEFT: Final = 499
"""The status of a caller that left before the end."""
_NAMES: Final[tuple[str, ...]] = ("operation", "model", "upstream", "status", "outcome", "fault", "known")
_COMMON: Final = itemgetter(*[Finished._fields.index(name) for name in _NAMES])

_named: Any = namedtuple
Columns = _named("Columns", Finished._fields)


class Sheaf:
    """``columns`` are the fields of a Finished as tuples, one value a call. ``upstream`` is the family of an instance,
    ``entry`` the model where it is a configured one, else "", ``caches`` calls by what the cache said.
    Of calls that ended well and were not answered by the cache: ``firsts`` (of streams, seconds to the first token),
    ``prefills``, ``gaps`` (mean inter-token latency of a call), ``generating`` (sum of seconds)."""

    __slots__ = (
        "caches", "columns", "entry", "fault", "firsts", "gaps", "generating", "hits", "model", "number", "operation",
        "outcome", "prefills", "status", "totals", "upstream",
    )  # fmt: skip

    def __init__(self, common: tuple[str, str, str, int, str, str, bool], rows: Sequence[Record]) -> None:
        self.operation, self.model, upstream, status, self.outcome, self.fault, known = common
        self.entry = self.model if known else ""
        self.upstream = upstream.partition("@")[0] if "@" in upstream else upstream
        self.status = LEFT if self.outcome == "left" else status
        self.number = len(rows)
        self.columns: Any = Columns._make(zip(*rows, strict=True))
        self.caches = Counter(self.columns.cache)
        self.hits = sum(self.caches[cache] for cache in HITS)
        self.totals: Any = () if self.fault else self.columns.total
        self.firsts: list[float] = []
        self.prefills: list[float] = []
        self.gaps: list[float] = []
        self.generating = 0.0
        if not self.fault:
            self._derive()

    def _derive(self) -> None:
        columns = self.columns
        firsts, prefills, gaps = self.firsts, self.prefills, self.gaps
        generating = 0.0
        rows: Iterable[tuple[Any, ...]] = zip(
            columns.stream, columns.total, columns.first_byte, columns.attempts, columns.waited, columns.queued,
            columns.overhead, columns.tokens_out, strict=True,
        )  # fmt: skip
        if self.hits:
            rows = compress(rows, [cache not in HITS for cache in columns.cache])
        for stream, total, first, attempts, waited, queued, overhead, said in rows:
            spent = waited
            if stream:
                spent = total - first if 0 < first < total else 0.0
                said -= 1
                if first:
                    firsts.append(first)
                    if attempts:
                        prefill = first - queued - overhead
                        prefills.append(prefill if prefill > 0 else 0.0)
            generating += spent
            if said > 0 and attempts and spent > 0:
                gaps.append(spent / said)
        self.generating = generating

    def __repr__(self) -> str:
        return f"<Sheaf of {self.number} {self.operation} of '{self.model}' at '{self.upstream}': {self.status}>"


def sheaves(rows: Sequence[Record]) -> list[Sheaf]:
    """``rows`` by what they have in common, in the order of the first of each."""
    of: dict[tuple[Any, ...], list[Record]] = {}
    for common, row in zip(map(_COMMON, rows), rows, strict=True):
        if common in of:
            of[common].append(row)
        else:
            of[common] = [row]
    return [Sheaf(common, those) for common, those in of.items()]
