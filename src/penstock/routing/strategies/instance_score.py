"""Instance score: a session stays where its context is; else the highest score wins.

100 − 50 · load − min(response milliseconds / 10, 30) − 20 · memory + 15 with the session's context + 10 with the model
loaded, never below 0; what each counts is ``instance_score`` in the config. Load: calls in flight over capacity;
response: peak time to first token; memory: used share of the KV cache. Without a session, the context is where most of
the prompt is cached. A session leaves an upstream that is not healthy, or whose load has reached ``affinity.max_load``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from penstock.routing.affinity_config import InstanceScoreConfig
from penstock.routing.ask import Ask
from penstock.routing.strategies.sample import sample
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target

LOADED_SECONDS = 300.0
"""A server keeps a model that long after its last call (the default of Ollama)."""
MOST = 0.5
"""From this share of a prompt on, a target that has it has the context of a call without a session."""


class Points:
    """What counts how much, as plain numbers: this is asked for each candidate of each call."""

    __slots__ = ("_load", "_memory", "_model", "_response", "_session", "_step", "of")

    def __init__(self, of: InstanceScoreConfig) -> None:
        self.of = of
        self._load, self._memory = float(of.load), float(of.memory)
        self._session, self._model = float(of.session), float(of.model)
        self._response, self._step = float(of.response_time), float(of.response_step)

    def score(self, target: Target, ask: Ask, home: str) -> float:
        """The sum of ``InstanceScore.terms``."""
        load = target.load
        now = ask.now
        slow = load.peak_first.at(now, load.peers.first.at(ask.tokens)) / self._step
        score = 100.0 - self._load * target.busy - (slow if slow < self._response else self._response)
        if load.scraped is not None:
            score -= self._memory * load.kv(now)
        if home == target.name if ask.session else ask.hits.get(target.slot, 0.0) >= MOST:
            score += self._session
        if now - target.models.get(ask.model, -LOADED_SECONDS) < LOADED_SECONDS:
            score += self._model
        return score if score > 0.0 else 0.0

    def __repr__(self) -> str:
        return f"<Points {self.of}>"


class InstanceScore:
    """See the module."""

    prefix: Literal["sessionless"] = "sessionless"
    largest = True

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._points = Points(shared.scores)

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
        """See the module."""
        shared = self._shared
        chosen = targets[0] if len(targets) == 1 else shared.sticky(targets, ask)
        if chosen is None:
            if ask.blocks:
                shared.prefixes.match(ask)
            home, points = self._home(ask), self._points
            if points.of is not shared.scores:
                points = self._points = Points(shared.scores)
            most = -1.0
            # A sample begins at a random place, so that equals are used evenly.
            for target in sample(targets, shared.uniform):
                score = points.score(target, ask, home)
                if chosen is None or score > most:
                    chosen, most = target, score
            assert chosen is not None
        shared.keep(chosen, ask)
        return chosen

    def _home(self, ask: Ask) -> str:
        return self._shared.sessions.find(ask.session, ask.now) if ask.session else ""

    def terms(self, target: Target, ask: Ask) -> dict[str, float]:
        """The summands of the score; ``floor`` is what it would lack to 0."""
        points = self._shared.scores
        load = target.load
        slow = load.peak_first.at(ask.now, load.peers.first.at(ask.tokens)) / points.response_step
        at_home = self._home(ask) == target.name if ask.session else ask.hits.get(target.slot, 0.0) >= MOST
        is_loaded = ask.now - target.models.get(ask.model, -LOADED_SECONDS) < LOADED_SECONDS
        terms = {
            "start": 100.0,
            "load": -points.load * target.busy,
            "response_time": -min(slow, points.response_time),
            "memory": -points.memory * load.kv(ask.now),
            "session": points.session if at_home else 0.0,
            "model": points.model if is_loaded else 0.0,
        }
        return {**terms, "floor": max(0.0, -sum(terms.values()))}

    def __repr__(self) -> str:
        return f"<InstanceScore {self._shared.scores}>"
