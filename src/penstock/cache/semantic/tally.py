"""What the semantic cache counts, as plain numbers that add up over workers. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

RESULTS = ("hit", "shadow", "miss", "ineligible")
LOOKUP_REASONS: dict[str, str] = {
    "late": "the vector was not there in time",
    "vectorless": "the embedder gave no vector",
    "loading": "the partition is being read from the store",
    "failed": "something raised: see the log",
    "gone": "the entry went meanwhile",
}
"""Reasons of misses beside those of a verdict."""
SHADOWS = ("right", "wrong", "unknown", "failed", "inline", "lost")
"""Outcomes of shadow checks. ``unknown``: nobody could tell, which counts as wrong; ``failed``: the upstream did not
answer, tried again; ``inline``: all places were taken, the caller waited for the upstream; ``lost``: given up."""
VERDICTS = ("same", "different", "unknown", "refused", "failed")
"""What the judge said. ``refused``: no question was left this minute."""
BOUNDS = (0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
"""Of the histogram of probabilities with which answers were told."""


class Tally:
    """See the module."""

    def __init__(self) -> None:
        self.lookups = Counter[tuple[str, str]]()
        self.shadows = Counter[str]()
        self.verdicts = Counter[str]()
        self.equal = Counter[str]()
        self.feedback = Counter[str]()
        self.removed = 0
        self.probabilities = [0] * (len(BOUNDS) + 1)
        self.probability_sum = 0.0

    def told(self, probability: float) -> None:
        """An answer was told that was held right with this probability."""
        self.probability_sum += probability
        for position, bound in enumerate(BOUNDS):
            if probability <= bound:
                self.probabilities[position] += 1
                return
        self.probabilities[-1] += 1

    def compared(self, equal: bool | None) -> None:
        """Two answers were compared by their texts."""
        self.equal["unknown" if equal is None else "same" if equal else "different"] += 1

    def dump(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "lookups": [[result, reason, number] for (result, reason), number in self.lookups.items()],
            "shadows": dict(self.shadows),
            "judge": dict(self.verdicts),
            "equal": dict(self.equal),
            "feedback": dict(self.feedback),
            "removed": self.removed,
            "probabilities": [list(BOUNDS), self.probabilities, self.probability_sum],
        }

    def __repr__(self) -> str:
        return f"<Tally {sum(self.lookups.values())} lookups>"
