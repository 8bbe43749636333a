"""How much work a call is, in one number: so that load, capacity and forecast speak of the same. Pure.

A token of an answer is 1. Prompts are read many tokens at once, so that one of theirs takes a fraction of the time;
what the engine had cached takes none. A call that tells no tokens (an image, an error) counts as one token.
"""

from __future__ import annotations

from penstock.scaling.learned import PROMPT_TOKEN


def work(calls: float, tokens_in: float, tokens_cached: float, tokens_out: float) -> float:
    """Of so many calls with so many tokens together."""
    return max(calls, tokens_out + PROMPT_TOKEN * max(0.0, tokens_in - tokens_cached))
