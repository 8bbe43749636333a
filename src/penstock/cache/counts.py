"""What the cache counts, as plain numbers that add up over workers. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

KINDS = ("exact", "semantic")
RESULTS = ("hit", "miss", "bypass", "absent", "shadow")
"""``bypass``: a call that may not be cached, or whose caller did not want it; ``absent``: ``only`` was asked for and
there was nothing; ``shadow``: a hit that was checked against the upstream."""
BOUNDS = (0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25)
"""Of the histogram of lookups, seconds."""


class Lookups:
    """How long lookups of one kind took."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def note(self, seconds: float) -> None:
        """One took so long."""
        self.sum += seconds
        self.counts[bisect_left(BOUNDS, seconds)] += 1


class Counts:
    """See the module."""

    def __init__(self) -> None:
        self.bypassed = 0
        self.missed = 0
        self.operations = Counter[tuple[str, str]]()
        self.stores = Counter[str]()
        self.hits = self.tokens_in = self.tokens_out = self.micro_dollars = 0
        self.seconds = 0.0
        self.exact = Lookups()
        self.lookups = {kind: self.exact if kind == "exact" else Lookups() for kind in KINDS}

    def hit(self, kind: str, tokens: tuple[int, int], micro_dollars: int, seconds: float) -> None:
        """An answer was told again."""
        if kind == "exact":
            self.hits += 1
        else:
            self.operations[kind, "hit"] += 1
        self.tokens_in += tokens[0]
        self.tokens_out += tokens[1]
        self.micro_dollars += micro_dollars
        self.seconds += seconds

    def dump(self) -> dict[str, Any]:
        """Plain values."""
        operations = self.operations.copy()
        operations["exact", "bypass"] += self.bypassed
        operations["exact", "miss"] += self.missed
        if self.hits:
            operations["exact", "hit"] += self.hits
        return {
            "operations": [[kind, result, number] for (kind, result), number in operations.items()],
            "stores": dict(self.stores),
            "saved": {name: getattr(self, name) for name in ("tokens_in", "tokens_out", "micro_dollars", "seconds")},
            "lookups": {kind: [BOUNDS, looked.counts, looked.sum] for kind, looked in self.lookups.items()},
        }

    def __repr__(self) -> str:
        return f"<Counts {dict(self.operations)}>"
