"""How many tokens the calls of one model are: guessed from bytes, corrected by the usage that answers tell. Pure."""

from __future__ import annotations

from typing import Final

BYTES_PER_TOKEN: Final = 4.0
OUTPUT_TOKENS: Final = 128.0
WEIGHT: Final = 0.05
"""Of a new observation against all before."""


class Sizes:
    """``per_token``: bytes of a request's body for each prompt token; ``output``: tokens of a mean answer."""

    __slots__ = ("output", "per_token")

    def __init__(self) -> None:
        self.per_token = BYTES_PER_TOKEN
        self.output = OUTPUT_TOKENS

    def tokens(self, size: int) -> float:
        """Prompt tokens, expected, of a body of ``size`` bytes."""
        return size / self.per_token

    def answer(self, limit: int | None) -> float:
        """Tokens of the answer, expected, where the caller allows ``limit``."""
        return self.output if limit is None or limit > self.output else float(limit)

    def learn(self, size: int, prompt: int, output: int) -> None:
        """A call with a body of ``size`` bytes had ``prompt`` tokens, its answer ``output``."""
        if prompt > 0 and size > 0:
            # A body with images has few bytes' worth of text, or far too many: no token is half a byte or a kilobyte.
            ratio = size / prompt
            ratio = 0.5 if ratio < 0.5 else 1024.0 if ratio > 1024.0 else ratio
            self.per_token += WEIGHT * (ratio - self.per_token)
        if output > 0:
            self.output += WEIGHT * (output - self.output)

    def __repr__(self) -> str:
        return f"<Sizes {self.per_token:.2f} bytes a token, {self.output:.0f} tokens an answer>"
