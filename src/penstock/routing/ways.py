"""In which ways a kind of upstream can be asked for the rest of an answer, best first. Pure.

``prefill`` costs least and joins best, so it comes first wherever it is known to work; servers that only seem to take
it (they begin a new answer) are asked in words.
"""

from __future__ import annotations

from penstock.routing.targets import Target

_IN_WORDS = ("instruction", "restart")
_OF_KIND: dict[str, tuple[str, ...]] = {
    "vllm": ("prefill_flagged", *_IN_WORDS),
    "sglang": ("prefill_flagged", *_IN_WORDS),
    "llamacpp": ("prefill", *_IN_WORDS),
    "local": ("prefill", *_IN_WORDS),
    "ollama": ("prefill", *_IN_WORDS),
    "anthropic": ("prefill", *_IN_WORDS),
    "echo": ("restart",),
}
STREAM = "stream"
"""Not a way, but what all of them need: remembered in the same place where an upstream refuses it."""
MOST_REFUSALS = 256
"""Remembered of one target; the names of models in them may be the callers'."""


def ways(target: Target, operation: str, model: str) -> list[str]:
    """The ways to try with ``target``, in order, without those that it has refused; none if it gives no streams."""
    if not takes(target, operation, model, STREAM):
        return []
    known = _OF_KIND.get(target.kind, _IN_WORDS)
    if operation == "completions" and target.kind != "echo":
        known = ("prefill", "restart")  # the text so far simply is the end of the prompt
    return [way for way in known if takes(target, operation, model, way)]


def takes(target: Target, operation: str, model: str, way: str) -> bool:
    """Whether ``target`` is not known to refuse ``way``."""
    return (operation, model, way) not in target.refused


def refuse(target: Target, operation: str, model: str, way: str) -> None:
    """Remember that ``target`` did not take ``way``."""
    if len(target.refused) < MOST_REFUSALS:
        target.refused.add((operation, model, way))
