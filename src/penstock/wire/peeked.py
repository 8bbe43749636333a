"""The fields of a request that policy reads, as they are decoded. Apart from who reads: mypyc compiles no structs."""

from __future__ import annotations

import msgspec


class StreamOptions(msgspec.Struct, gc=False):
    """The part of ``stream_options`` that the gateway acts on."""

    include_usage: bool | None = None


class Peek(msgspec.Struct, gc=False):
    """The fields of a request that policy reads; None where the body has none."""

    model: str | None = None
    stream: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    user: str | None = None
    prompt_cache_key: str | None = None
    temperature: float | None = None
    n: int | None = None
    stream_options: StreamOptions | None = None


class Tool(msgspec.Struct, gc=False):
    """What tells who runs a tool that a call names."""

    type: str = "function"
