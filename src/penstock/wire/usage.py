"""What a call used, read from answers of every dialect here: their names differ and do not collide.

Enters: the body of a JSON answer, or a frame of events. Leaves: a Usage, or None where nothing is told.
May fail: not at all; an answer that cannot be read tells nothing.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from penstock.wire.counts import Answer, Counts, Timings, Usage
from penstock.wire.json import MOST_TOKENS
from penstock.wire.sse import parse

_answer: Final = msgspec.json.Decoder(Answer)
_counts: Final = msgspec.json.Decoder(Counts)
MOST_LAST_BYTES: Final = 4096
"""Of a usage that is the last member of its answer: so much is copied to read it, which is cheaper than a view."""
_TOLD: Final = re.compile(rb'"usage"[ \t\r\n]*:[ \t\r\n]*\{')


def usage_of(body: bytes) -> Usage | None:
    """The usage in a JSON answer or in the data of one event."""
    # Usually it is the last member: then it alone is read. Its quote cannot stand in a string unescaped.
    at = body.rfind(b',"usage":{')
    if at >= 0 and len(body) - at <= MOST_LAST_BYTES:
        try:
            return _usage(_counts.decode(body[at + 9 : -1]), None)
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


def _usage(counts: Counts, timings: Timings | None) -> Usage:
    details = counts.prompt_tokens_details or counts.input_tokens_details
    read = counts.cache_read_input_tokens or 0
    cached = read or counts.prompt_cache_hit_tokens or (details and details.cached_tokens) or 0
    if not cached and timings is not None:
        cached = timings.cache_n or 0
    prompt = counts.prompt_tokens
    written = counts.cache_creation_input_tokens or 0
    if prompt is None:
        prompt = (counts.input_tokens or 0) + read + written
    completion = counts.completion_tokens or counts.output_tokens or 0
    spent = counts.completion_tokens_details or counts.output_tokens_details
    reasoning = (spent and spent.reasoning_tokens) or counts.reasoning_tokens or 0
    # An upstream may send any number; sums and means are made of it.
    usual = not (reasoning or written)
    if usual and 0 <= prompt <= MOST_TOKENS and 0 <= completion <= MOST_TOKENS and 0 <= cached <= MOST_TOKENS:
        return Usage(prompt, completion, cached)
    return Usage(*[min(max(count, 0), MOST_TOKENS) for count in (prompt, completion, cached, reasoning, written)])


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
