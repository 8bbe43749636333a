"""What one event of a stream says, in any dialect here: its text, model, confidence, and whether it ends the answer.

Enters: the data of an event. Leaves: Facts. May fail: not at all; what cannot be read is special and says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

_LAST = ("message_stop", "response.completed", "response.incomplete", "response.failed")


class Facts(NamedTuple):
    """``confidence`` is the geometric mean of the probabilities of the event's tokens, where the model told them.
    ``special`` events carry no text: roles, tool calls, the finish, usage."""

    text: str = ""
    model: str = ""
    confidence: float | None = None
    special: bool = True
    complete: bool = False


class _Token(msgspec.Struct, gc=False):
    logprob: float = 0.0


class _Logprobs(msgspec.Struct, gc=False):
    """Of chat (``content``) and of legacy completions."""

    content: list[_Token] | None = None
    token_logprobs: list[float | None] | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    text: str | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Named(msgspec.Struct, gc=False):
    model: str | None = None


class _Event(msgspec.Struct, gc=False):
    """``delta`` is a string in Responses and an object in Anthropic's Messages."""

    type: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    delta: str | _Delta | None = None
    logprobs: list[_Token] | None = None
    message: _Named | None = None
    response: _Named | None = None


_decode = msgspec.json.Decoder(_Event).decode


def read(data: bytes) -> Facts:
    """The meaning of one event's data."""
    try:
        event = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Facts()
    text, complete, told = _said(event)
    named = event.message or event.response
    model = event.model or (named.model if named is not None else None) or ""
    return Facts(text, model, confidence(told), not text, complete)


def _said(event: _Event) -> tuple[str, bool, list[float]]:
    """Text, whether it is the last, and log-probabilities."""
    told = [token.logprob for token in event.logprobs or ()]
    complete = event.type in _LAST
    if event.choices is None:
        delta = event.delta
        if isinstance(delta, str):  # arguments of tool calls come as deltas too, and are no text
            return (delta if event.type == "response.output_text.delta" else ""), complete, told
        return (delta.text or "" if delta is not None else ""), complete, told
    text = ""
    for choice in event.choices:
        text += choice.text or (choice.delta.content if choice.delta is not None else None) or ""
        complete = complete or choice.finish_reason is not None
        if choice.logprobs is not None:
            told += [token.logprob for token in choice.logprobs.content or ()]
            told += [value for value in choice.logprobs.token_logprobs or () if value is not None]
    return text, complete, told


def confidence(logprobs: Sequence[float]) -> float | None:
    """The geometric mean of probabilities given as logarithms; None without any."""
    if not logprobs:
        return None
    return math.exp(min(0.0, sum(logprobs) / len(logprobs)))
