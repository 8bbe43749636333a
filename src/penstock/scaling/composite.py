"""One number out of response time, token rate and hit rate, as the specification scales by. Pure.

Source: the specification's composite metric, 0.4 x response time + 0.3 x 1000 / token rate + 0.3 x 100 x (1 - hit
rate). There response time is in raw milliseconds and drowns the rest: a call of 2 s gives 800, and all bands end at 90.
Here each part is a share of what is bad, times 100: the bands mean what they were meant to.
"""

from __future__ import annotations

from dataclasses import dataclass

RESPONSE, TOKENS, MISSES = 0.4, 0.3, 0.3
BAD_RESPONSE = 10.0
"""Seconds of a response that count as 100."""
TOKENS_OVER = 1000.0
"""Tokens a second of 10 count as 100, and twice as many as half."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each part counts; their sum is 1."""

    response: float = RESPONSE
    tokens: float = TOKENS
    misses: float = MISSES

    def __post_init__(self) -> None:
        parts = (self.response, self.tokens, self.misses)
        if min(parts) < 0 or abs(sum(parts) - 1) > 1e-9:
            raise ValueError(f"weights of {', '.join(map(str, parts))} do not add up to 1")


USUAL = Weights()


def composite(
    response: float, token_rate: float, hit_rate: float, weights: Weights = USUAL, bad_response: float = BAD_RESPONSE
) -> float:
    """0 (idle) to 100. ``response``: mean seconds of a call; ``token_rate``: its tokens a second; ``hit_rate``: share.
    Raises ValueError for what can be none of these."""
    if response < 0 or token_rate < 0 or not 0 <= hit_rate <= 1:
        raise ValueError(f"response {response}, token rate {token_rate}, hit rate {hit_rate}: one of them cannot be")
    slow = min(100.0, 100.0 * response / bad_response)
    stalled = 100.0 if token_rate * 100 <= TOKENS_OVER else TOKENS_OVER / token_rate
    missed = 100.0 * (1 - hit_rate)
    return weights.response * slow + weights.tokens * stalled + weights.misses * missed


def as_written(response_ms: float, token_rate: float, hit_rate: float) -> float:
    """The specification's own sum, for who wants to compare: it has no upper end."""
    rate = 1000 / token_rate if token_rate > 0 else 1000.0
    return RESPONSE * response_ms + TOKENS * rate + MISSES * 100 * (1 - hit_rate)
