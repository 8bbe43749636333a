"""Keeping an answer as it passes: a tap that copies its frames, and what is decided once it has ended. Pure.

Enters: the frames of one answer, then the exchange that it answered. Leaves: an entry and its answer, or the reason why
it is not kept. Bounded by the longest answer that is kept, and by the account; what is over it is forgotten at once.
May fail: not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from penstock.cache.entry import Answer, mark
from penstock.core.exchange import Exchange
from penstock.core.ports import Account
from penstock.core.reply import Reply
from penstock.wire.finished import finished, finished_stream, without_usage
from penstock.wire.usage import usage_of

MARK_BYTES = 8
_UNEQUAL = ("id", "created", "created_at", "completed_at", "system_fingerprint", "usage", "service_tier", "timings")
"""Members that differ between equal answers."""


class Kept(NamedTuple):
    """An answer that may be kept, and what it calls its model."""

    answer: Answer
    named: str


class Recorder:
    """See the module. ``most``: bytes of the longest answer that is kept."""

    __slots__ = ("_account", "_data", "_events", "_last", "_marks", "_most", "_now", "_reserved", "over")

    def __init__(self, account: Account, most: int, now: Callable[[], float], *, events: bool) -> None:
        self._account = account
        self._most = most
        self._now = now
        self._events = events
        self._data = bytearray()
        self._marks: list[tuple[int, float]] = []
        self._last = now()
        self._reserved = 0
        self.over = False

    def tap(self, frame: bytes) -> None:
        """A frame has passed."""
        if self.over:
            return
        size = len(frame) + MARK_BYTES
        if self._reserved + size > self._most or not self._account.reserve(size):
            self.over = True
            self.close()
            return
        self._reserved += size
        self._data += frame
        if self._events:
            now = self._now()
            self._marks.append((len(frame), now - self._last))
            self._last = now

    def close(self) -> None:
        """Give back what it holds."""
        self._account.release(self._reserved)
        self._reserved = 0
        self._data = bytearray()
        self._marks = []

    def result(self, operation: str, content_type: bytes, choices: int) -> Kept | str:
        """The answer, or why it is not kept."""
        if self.over:
            return "too_large"
        data = bytes(self._data)
        if not self._events:
            whole = finished(operation, data, choices)
            return "not_whole" if whole is None else Kept(Answer(content_type, data), whole.model)
        ended = finished_stream(operation, data, choices)
        if ended is None:
            return "not_whole"
        return Kept(self._stream(data, content_type, operation), ended.model)

    def _stream(self, data: bytes, content_type: bytes, operation: str) -> Answer:
        """The frames, with the chunk that only told usage taken out: not everyone asks for it."""
        kept: list[bytes] = []
        marks: list[bytes] = []
        usage, at, pause = b"", 0, 0.0
        for length, seconds in self._marks:
            frame = data[at : at + length]
            at += length
            pause += seconds
            if operation in ("chat", "completions"):
                frame, told = without_usage(frame)
                usage = told or usage
            if frame:
                kept.append(frame)
                marks.append(mark(len(frame), pause))
                pause = 0.0
        return Answer(content_type, b"".join(kept), b"".join(marks), usage)

    def __repr__(self) -> str:
        return f"<Recorder {len(self._data)} bytes of {self._most}{' over' * self.over}>"


def refused(exchange: Exchange, pattern: str) -> str:
    """Why an answer that has ended is not kept, as far as the exchange tells; "" where it may be."""
    if exchange.outcome != "ok" or exchange.error is not None:
        return "broken"
    if exchange.status not in (0, 200):  # 0: of a fork, or of a call on a socket, that nobody wrote a head for
        return "status"
    if exchange.rescues:
        return "rescued"
    if exchange.degraded:
        return "degraded"
    if exchange.model != pattern or exchange.answered_as not in ("", exchange.call.model):
        return "other_model"  # a fallback, or a version on trial
    return ""


def choices_of(operation: str, fields: Mapping[str, Any]) -> int:
    """How many choices were asked for."""
    count = fields.get("n")
    asked = count if isinstance(count, int) and count > 0 else 1
    prompts = fields.get("prompt") if operation == "completions" else None
    if isinstance(prompts, list) and prompts and all(isinstance(prompt, (str, list)) for prompt in prompts):
        asked *= len(prompts)
    return asked


def tokens_of(exchange: Exchange, answer: Answer) -> tuple[int, int]:
    """Tokens of the prompt and of the answer, as told."""
    told = usage_of(answer.data) if not answer.streamed else None
    if told is not None:
        return told.prompt_tokens, told.completion_tokens
    return exchange.tokens_in, exchange.tokens_out


def content_of(whole: bytes) -> bytes:
    """A digest of what a whole answer says, equal for answers that differ in their ids and dates only."""
    try:
        fields = msgspec.json.decode(whole)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return hashlib.sha256(whole).digest()[:16]
    if isinstance(fields, dict):
        for name in _UNEQUAL:
            fields.pop(name, None)
    return hashlib.sha256(msgspec.json.Encoder(order="deterministic").encode(fields)).digest()[:16]


def content_type_of(reply: Reply) -> bytes:
    """Of an answer that can be read; b"" for others."""
    kind = b""
    for name, value in reply.headers:
        if name == b"content-type":
            kind = value
        elif name == b"content-encoding" and value.lower() != b"identity":
            return b""
    return kind if reply.events or b"json" in kind.lower() else b""
