"""What a call used, read from answers of every dialect here: their names differ and do not collide.

Enters: the body of a JSON answer, or a frame of events. Leaves: a Usage, or None where nothing is told.
May fail: not at all; an answer that cannot be read tells nothing.
"""

from __future__ import annotations

import re

import msgspec

from penstock.wire.json import MOST_TOKENS
from penstock.wire.sse import parse


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Token counts. ``prompt_tokens`` includes ``cached_tokens``, ``completion_tokens`` includes ``reasoning_tokens``,
    in every dialect."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

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
        )

    def plus(self, other: Usage) -> Usage:
        """What two calls used together."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


class _Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Counts(msgspec.Struct, gc=False):
    """All names for counts. Anthropic's ``input_tokens`` leaves cached tokens out, the others' count them in."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None
    reasoning_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Timings(msgspec.Struct, gc=False):
    """llama.cpp's own account."""

    cache_n: int | None = None


class _Holder(msgspec.Struct, gc=False):
    usage: _Counts | None = None


class _Answer(msgspec.Struct, gc=False):
    """Where counts may stand: at the top; in ``response`` (Responses' events); in ``message`` (Anthropic's first)."""

    usage: _Counts | None = None
    timings: _Timings | None = None
    response: _Holder | None = None
    message: _Holder | None = None


_answer = msgspec.json.Decoder(_Answer)
_counts = msgspec.json.Decoder(_Counts)
_TOLD = re.compile(rb'"usage"[ \t\r\n]*:[ \t\r\n]*\{')


def usage_of(body: bytes) -> Usage | None:
    """The usage in a JSON answer or in the data of one event."""
    # Usually it is the last member: then it alone is read. Its quote cannot stand in a string unescaped.
    at = body.rfind(b',"usage":{')
    if at >= 0:
        try:
            return _usage(_counts.decode(memoryview(body)[at + 9 : -1]), None)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    try:
        answer = _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    counts = answer.usage
    if counts is None and answer.response is not None:
        counts = answer.response.usage
    if counts is None and answer.message is not None:
        counts = answer.message.usage
    if counts is None:
        return None
    return _usage(counts, answer.timings)


def _usage(counts: _Counts, timings: _Timings | None) -> Usage:
    details = counts.prompt_tokens_details or counts.input_tokens_details
    read = counts.cache_read_input_tokens or 0
    cached = read or counts.prompt_cache_hit_tokens or (details and details.cached_tokens) or 0
    if not cached and timings is not None:
        cached = timings.cache_n or 0
    prompt = counts.prompt_tokens
    if prompt is None:
        prompt = (counts.input_tokens or 0) + read + (counts.cache_creation_input_tokens or 0)
    completion = counts.completion_tokens or counts.output_tokens or 0
    spent = counts.completion_tokens_details or counts.output_tokens_details
    reasoning = (spent and spent.reasoning_tokens) or counts.reasoning_tokens or 0
    # An upstream may send any number; sums and means are made of it.
    if 0 <= prompt <= MOST_TOKENS and 0 <= completion <= MOST_TOKENS and 0 <= cached <= MOST_TOKENS and not reasoning:
        return Usage(prompt, completion, cached)
    return Usage(*[min(max(count, 0), MOST_TOKENS) for count in (prompt, completion, cached, reasoning)])


def tells_usage(frame: bytes) -> bool:
    """Whether an event of ``frame`` may tell usage."""
    return b'"usage"' in frame and _TOLD.search(frame) is not None


def usage_in(frame: bytes) -> Usage | None:
    """The usage that the events of a frame tell; ``"usage": null`` tells nothing."""
    if not tells_usage(frame):
        return None
    found: Usage | None = None
    for event in parse(frame):
        told = usage_of(event.data)
        if told is not None:
            found = told.joined(found)
    return found
