"""What holds for the calls of one operation and model. Pure.

Enters: the configuration. Leaves: Terms, in which a model's rule counts before an operation's, and that before the
general one. May fail: not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock.batching.config import OPERATIONS, BatchingConfig, Rule, Step
from penstock.core.patterns import nearest

MOST_MODELS = 1024
"""Whose terms are remembered: callers make names up where a pattern serves them."""


@dataclass(frozen=True, slots=True)
class Terms:
    """See the module. ``steps``: how ``max_wait`` changes with load, the highest first."""

    enabled: bool
    min_items: int
    max_items: int
    max_tokens: int
    max_bytes: int
    max_wait: float
    steps: tuple[Step, ...]

    def wait_at(self, load: float) -> float:
        """Seconds that a call may wait for others at that load."""
        for step in self.steps:
            if load >= step.above:
                return self.max_wait * step.factor
        return self.max_wait


class AllTerms:
    """Those of one configuration."""

    def __init__(self, config: BatchingConfig) -> None:
        self._config = config
        self._steps = tuple(sorted(config.wait_at_load, key=lambda step: -step.above))
        self._known: dict[tuple[str, str], Terms] = {}

    def of(self, operation: str, model: str) -> Terms:
        """See the module."""
        known = self._known.get((operation, model))
        if known is None:
            if len(self._known) >= MOST_MODELS:
                self._known.clear()
            known = self._known[operation, model] = self._made(operation, model)
        return known

    def _made(self, operation: str, model: str) -> Terms:
        config = self._config
        name = nearest(config.models, model)
        rules = [] if name is None else [config.models[name]]
        if operation in config.operations:
            rules.append(config.operations[operation])
        enabled = [rule.enabled for rule in rules if rule.enabled is not None]
        # A model's rule says that its calls may be merged, not that all of its operations may.
        usual = OPERATIONS[operation]
        named = config.operations.get(operation, Rule()).enabled
        most = _first(rules, "max_items", config.max_items)
        return Terms(
            enabled=(usual if named is None else named) and all(enabled),
            min_items=min(_first(rules, "min_items", config.min_items), most),
            max_items=most,
            max_tokens=_first(rules, "max_tokens", config.max_tokens),
            max_bytes=_first(rules, "max_bytes", config.max_bytes),
            max_wait=_first(rules, "max_wait", config.max_wait),
            steps=self._steps,
        )

    def __repr__(self) -> str:
        return f"<AllTerms of {len(self._known)} models>"


def _first(rules: list[Rule], name: str, usual: Any) -> Any:
    """What the first rule that says anything of it says."""
    return next((value for rule in rules if (value := getattr(rule, name)) is not None), usual)
