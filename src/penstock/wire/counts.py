"""What a call used, and the forms in which answers of every dialect tell it. Apart from who reads them: mypyc compiles
no structs."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Token counts, in every dialect: ``prompt_tokens`` includes ``cached_tokens`` and ``written_tokens`` (what the
    provider's own cache had, and was given), ``completion_tokens`` includes ``reasoning_tokens``."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    written_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def joined(self, other: Usage | None) -> Usage:
        """With what another event of the same stream tells. Counts in streams only grow, so the larger one holds."""
        if other is None:
            return self
        return Usage(
            max(self.prompt_tokens, other.prompt_tokens),
            max(self.completion_tokens, other.completion_tokens),
            max(self.cached_tokens, other.cached_tokens),
            max(self.reasoning_tokens, other.reasoning_tokens),
            max(self.written_tokens, other.written_tokens),
        )

    def plus(self, other: Usage) -> Usage:
        """What two calls used together."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.written_tokens + other.written_tokens,
        )


class Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Counts(msgspec.Struct, gc=False):
    """All names for counts. Anthropic's ``input_tokens`` leaves cached tokens out, the others' count them in."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None
    prompt_cache_hit_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Details | None = None
    output_tokens_details: Details | None = None
    reasoning_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class Timings(msgspec.Struct, gc=False):
    """llama.cpp's own account."""

    cache_n: int | None = None


class Holder(msgspec.Struct, gc=False):
    usage: Counts | None = None


class Answer(msgspec.Struct, gc=False):
    """Where counts may stand: at the top; in ``response`` (Responses' events); in ``message`` (Anthropic's first)."""

    usage: Counts | None = None
    timings: Timings | None = None
    response: Holder | None = None
    message: Holder | None = None
