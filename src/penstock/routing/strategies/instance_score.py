"""Instance score: a session stays where its context is; else the highest score wins.

100 − 50 · load − min(response milliseconds / 10, 30) − 20 · memory + 15 with the session's context + 10 with the model
loaded, never below 0. Load: calls in flight over capacity; response: peak time to first token; memory: used share of
the KV cache. A session leaves an upstream that is not healthy, or whose load has reached ``affinity.max_load``.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from penstock.routing.ask import Ask
from penstock.routing.strategies.sample import sample
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target

LOADED_SECONDS = 300.0
"""A server keeps a model that long after its last call (the default of Ollama)."""


class Weights(Struct, frozen=True):
    """What each term is worth, in points."""

    load: float = 50.0
    response: float = 0.1
    most_response: float = 30.0
    memory: float = 20.0
    context: float = 15.0
    model: float = 10.0


class InstanceScore:
    """See the module."""

    prefix = False
    largest = True

    def __init__(self, shared: Shared, weights: Weights | None = None) -> None:
        self._shared = shared
        self._weights = weights or Weights()

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """See the module."""
        chosen = targets[0] if len(targets) == 1 else self._shared.sticky(targets, ask)
        if chosen is None:
            # A sample begins at a random place, so that equals are used evenly.
            chosen = max(sample(targets, self._shared.uniform), key=lambda target: self._score(target, ask))
        self._shared.keep(chosen, ask)
        return chosen

    def _score(self, target: Target, ask: Ask) -> float:
        return max(0.0, sum(self.terms(target, ask).values()))

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """The summands of the score."""
        weights = self._weights
        response = (target.load.peak_first.value or 0.0) * 1000.0
        asked = target.models.get(ask.model)
        known = bool(ask.session) and self._shared.sessions.find(ask.session, ask.now) == target.name
        return {
            "start": 100.0,
            "load": -weights.load * target.busy,
            "response": -min(response * weights.response, weights.most_response),
            "memory": -weights.memory * target.load.kv(ask.now),
            "context": weights.context if known else 0.0,
            "model": weights.model if asked is not None and ask.now - asked < LOADED_SECONDS else 0.0,
        }

    def __repr__(self) -> str:
        return f"<InstanceScore {self._weights}>"
