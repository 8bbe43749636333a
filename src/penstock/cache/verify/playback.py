"""Plays a labelled stream through the decision as the gateway would: what is hit, and how much of that is wrong?

Enters: questions with their labels and vectors, rules, a prior, a seed. Leaves: ``Outcome``. A miss asks an oracle that
answers by label; its answer is compared with those of its neighbours, as the background judge does; a hit tells nothing
unless it is a shadow. What is served wrongly counts in full, checked or not. Raises ValueError if shapes disagree.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock.cache.verify.lexical import Prepared, prepare
from penstock.cache.verify.model import Prior
from penstock.cache.verify.rules import NEIGHBOURS, Rules
from penstock.cache.verify.verdict import Near, Scored, Verdict
from penstock.cache.verify.verifier import Verifier

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

PARTITION = "stream"
AHEAD = 64
"""Nearest earlier questions looked up at once; those that are no entries (they were hits) are passed over."""
BLOCK = 256


@dataclass(slots=True)
class Outcome:
    """Counts of one play. ``shadows``: hits that cost an upstream call as well. ``curve``: (requests, hits, wrong)."""

    requests: int = 0
    hits: int = 0
    wrong: int = 0
    shadows: int = 0
    stops: int = 0
    stopped: str = ""
    low: float = 0.0
    high: float = 1.0
    reasons: dict[str, int] = field(default_factory=dict)
    curve: list[tuple[int, int, int]] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """As plain values, rates in percent."""
        requests, hits = self.requests or 1, self.hits or 1
        return {
            "requests": self.requests,
            "hit_percent": round(100 * self.hits / requests, 2),
            "saved_percent": round(100 * (self.hits - self.shadows) / requests, 2),
            "wrong_per_request_percent": round(100 * self.wrong / requests, 3),
            "wrong_per_hit_percent": round(100 * self.wrong / hits, 2),
            "shadow_percent": round(100 * self.shadows / requests, 2),
            "interval_percent": [round(100 * self.low, 3), round(100 * self.high, 3)],
            "stops": self.stops,
            "stopped": self.stopped,
            "reasons": dict(sorted(self.reasons.items())),
        }


class Stream:
    """Questions ready to be played in any order."""

    __slots__ = ("labels", "prepared", "texts", "vectors")

    def __init__(self, rows: Sequence[tuple[str, object]], vectors: Vectors) -> None:
        if len(rows) != len(vectors) or vectors.ndim != 2:
            raise ValueError(f"{len(rows)} questions, but vectors of shape {vectors.shape}")
        names: dict[object, int] = {}
        self.texts = [text for text, _ in rows]
        self.labels = [names.setdefault(label, len(names)) for _, label in rows]
        self.prepared: list[Prepared] = [prepare(text) for text in self.texts]
        self.vectors = vectors

    def order(self, number: int) -> list[int]:
        """0: as it is; else shuffled with this seed."""
        order = list(range(len(self.labels)))
        if number:
            random.Random(number).shuffle(order)
        return order


class Player:
    """One play. ``judge_error``: the share of verdicts, of shadows and misses alike, that are turned round. ``taught``:
    called with (features, right, weight) of every label, to fit a prior. ``stored``: which are entries."""

    def __init__(
        self,
        stream: Stream,
        rules: Rules,
        prior: Prior | None,
        *,
        order: int = 0,
        judge_error: float = 0.0,
        taught: Callable[[tuple[float, ...], bool, float], None] | None = None,
    ) -> None:
        self._stream = stream
        self._order = stream.order(order)
        self._random = random.Random(f"penstock {order}")
        self._judge_error = judge_error
        self._taught = taught
        self.stored: list[bool] = [False] * len(self._order)
        self.verifier = Verifier(rules, prior)
        self.outcome = Outcome()

    def run(self, until: int | None = None) -> Outcome:
        """Play it all, or the first ``until`` questions."""
        order = self._order[:until]
        for start in range(0, len(order), BLOCK):
            block = order[start : start + BLOCK]
            for number, nearest in zip(block, self._ahead(start, block), strict=True):
                self._ask(number, nearest)
        outcome = self.outcome
        status = self.verifier.status()
        outcome.low, outcome.high = status.low, status.high
        outcome.stops, outcome.stopped = status.stops, status.stopped
        return outcome

    def _ahead(self, start: int, block: list[int]) -> list[list[tuple[int, float]]]:
        """For each question of the block the nearest of all before it, by place in the order."""
        import numpy as np

        vectors = self._stream.vectors
        before = self._order[: start + len(block)]
        cosines = vectors[block] @ vectors[before].T
        found: list[list[tuple[int, float]]] = []
        for row, place in zip(cosines, range(start, start + len(block)), strict=True):
            row = row[:place]
            if place > AHEAD:
                top = np.argpartition(-row, AHEAD)[:AHEAD]
                top = top[np.argsort(-row[top])]
            else:
                top = np.argsort(-row)
            found.append([(before[there], float(row[there])) for there in top.tolist()])
        return found

    def _near(self, number: int, nearest: list[tuple[int, float]]) -> list[Near]:
        stored = self.stored
        near = [Near(there, cosine) for there, cosine in nearest if stored[there]][:NEIGHBOURS]
        if len(near) == NEIGHBOURS or len(nearest) < AHEAD:
            return near
        import numpy as np

        entries = np.flatnonzero(np.array(stored))
        if len(entries) <= len(near):
            return near
        cosines = self._stream.vectors[entries] @ self._stream.vectors[number]
        top = np.argsort(-cosines)[:NEIGHBOURS]
        return [Near(int(entries[place]), float(cosines[place])) for place in top]

    def _ask(self, number: int, nearest: list[tuple[int, float]]) -> None:
        asked = self._stream.prepared[number]
        verdict = self.verifier.decide(asked, self._near(number, nearest), PARTITION, self._random.random())
        outcome = self.outcome
        outcome.requests += 1
        outcome.reasons[verdict.reason] = outcome.reasons.get(verdict.reason, 0) + 1
        if verdict.kind == "miss":
            judged = {one.key: self._judge(number, one.key) for one in verdict.scored if one.key in verdict.judge}
            if self._taught is not None:
                self._teach(verdict.scored, judged, 1.0)
            self.verifier.stored(verdict, number, asked, judged)
            self.stored[number] = True
        else:
            self._served(number, verdict)
        if outcome.requests % 500 == 0:
            outcome.curve.append((outcome.requests, outcome.hits, outcome.wrong))

    def _served(self, number: int, verdict: Verdict) -> None:
        outcome = self.outcome
        outcome.hits += 1
        labels = self._stream.labels
        outcome.wrong += labels[number] != labels[int(verdict.key)]  # type: ignore[arg-type]
        if verdict.kind != "shadow":
            return
        outcome.shadows += 1
        equal = self._judge(number, verdict.key)
        if self._taught is not None:
            weight = 1.0 / verdict.sampling
            self._teach([one for one in verdict.scored if one.key == verdict.key], {verdict.key: equal}, weight)
        for key in self.verifier.checked(verdict, equal):
            self.stored[int(key)] = False

    def _judge(self, number: int, key: object) -> bool:
        labels = self._stream.labels
        equal = labels[number] == labels[int(key)]  # type: ignore[call-overload]
        turned = self._judge_error and self._random.random() < self._judge_error
        return not equal if turned else bool(equal)

    def _teach(self, scored: Sequence[Scored], judged: dict[Any, bool], weight: float) -> None:
        if self._taught is not None:
            for one in scored:
                if one.key in judged:
                    self._taught((*one.features, 1.0), judged[one.key], weight)
