"""Which calls may be answered by the answer to another question, and if not, why. Pure.

Enters: a call's question and the configuration. Leaves: a Prompt, or one word for the counter (``REASONS``). All rules
hold before anything is embedded: what they refuse has no vector and is kept for equal calls only. May fail: not at all.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.cache.semantic.config import SemanticConfig
from penstock.cache.semantic.prompt import Prompt, is_distinct, prompt_of
from penstock.wire.asked import Asked

REASONS: dict[str, str] = {
    "off": "the semantic cache is not on for this model",
    "starting": "the store has not been read yet",
    "ill": "the embedder or the index has failed of late",
    "effects": "the call does more than answer",
    "temperature": "a temperature over the limit",
    "tools": "tools are offered to the model",
    "operation": "not an operation that is answered by text",
    "choices": "several answers are asked for",
    "logprobs": "probabilities or an echo are asked for",
    "media": "images, sound or files",
    "tool_results": "results of tools in the history",
    "shape": "the last message is not one plain text of the user",
    "long": "no text, or longer than the embedder's window",
    "freshness": "asks for the state of things now",
    "action": "asks to do something",
    "language": "a language or script that the embedder does not know",
    "word": "holds a word of cache.semantic.rules.words",
}
"""A closed set, for metrics."""

MOST_CHARACTERS = 8192
"""Longer than any embedder's window: not even looked at."""

Unfit = Callable[[str], str]
"""Why a text is not matched by meaning; "" if it may be."""


class Eligibility:
    """The rules of one configuration. ``unfit``: those about texts; ``fits``: whether the embedder reads all of it."""

    def __init__(self, config: SemanticConfig, unfit: Unfit, fits: Callable[[str], bool]) -> None:
        self._config = config
        self._models = frozenset(config.models)
        self._unfit = unfit
        self._fits = fits

    def prompt(self, operation: str, asked: Asked, pattern: str) -> Prompt | str:
        """See the module. ``pattern``: the configured entry that serves the call's model."""
        config = self._config
        if self._models and pattern not in self._models:
            return "off"
        if asked.effects:
            return "effects"
        heat = asked.temperature
        if (heat is None and not config.unset_temperature) or (heat is not None and heat > config.temperature):
            return "temperature"
        if asked.tools and not config.tools:
            return "tools"
        prompt = prompt_of(operation, asked.fields)
        if isinstance(prompt, str):
            return prompt
        if not is_distinct(asked.fields):
            return "shape"
        text = prompt.text
        if len(text) > MOST_CHARACTERS:
            return "long"
        return self._unfit(text) or (prompt if self._fits(text) else "long")

    def __repr__(self) -> str:
        return f"<Eligibility for {', '.join(sorted(self._models)) or 'all models'}>"
