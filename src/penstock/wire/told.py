"""What a stream has told its caller so far: its text, its names, whether it has come to its end.

Enters: frames as they pass. ``take`` notes the common event (one chunk with text) and says True; anything else goes to
``look``, which leaves the bytes that may pass and notes the rest. Events of a stream differ in their text alone: one
that is like the last one read around its text is not read again. May fail: not at all; what is wrong with the stream
stands in ``trouble``, what keeps it from being continued in ``stuck``.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from penstock.core.errors import UpstreamError
from penstock.wire.errors import upstream_message
from penstock.wire.sse import DONE, parse, split
from penstock.wire.usage import tells_usage

MOST_TEXT_BYTES = 256 * 1024
"""Of one stream: a longer answer is passed on as ever, but not rescued any more."""
_JOINED_PARTS = 64
_QUOTE, _BACKSLASH, _LF, _CR = b'"\\\n\r'  # as numbers: looking for those is four times as fast
JSON_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TORN = re.compile(rb'"(?:content|text)"[ \t]*:[ \t]*"[^"]')
"""Text had begun when the event was torn."""


class Told:
    """The parts common to all dialects. ``tokens`` counts events with text: servers send one a token. ``running`` are
    the choices that have no finish yet."""

    __slots__ = (
        "_after", "_before", "_blocks", "_from", "_length", "_parts", "_to", "blocks", "created", "done", "finish",
        "full", "id", "model", "open_block", "running", "stuck", "thought", "tokens", "trouble",
    )  # fmt: skip

    END = DONE
    """What ends the stream in its dialect."""
    MEMBER = b'"content":"'
    """Where the text of an event begins."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._blocks: list[bytes] = []
        self._before = b""
        self._after = b""
        self._from = 0
        self._to = 0
        self._length = 0
        self.tokens = 0
        self.full = False
        self.thought = False
        self.stuck = ""
        self.trouble: UpstreamError | None = None
        self.finish = ""
        self.done = False
        self.id: str | None = None
        self.model: str | None = None
        self.created: int | None = None
        self.blocks = 0
        self.open_block = ""
        self.running = {0}

    @property
    def text(self) -> str:
        """All text so far; "" once it is forgotten."""
        if self.full:
            return ""
        return b"".join([*self._blocks, *self._parts]).decode("utf-8", "replace")

    @property
    def began(self) -> bool:
        """Whether any chunk was seen."""
        return self.model is not None or self.tokens > 0

    def take(self, frame: bytes) -> bool:
        """Note a common event. False, and nothing noted, for anything else."""
        return self.likes(frame, 0, len(frame)) or self._take(frame)

    def likes(self, data: bytes, start: int, end: int) -> bool:
        """Note the event in ``data[start:end]`` if it is like the last one read but for its text."""
        before = self._before
        if before and data.startswith(before, start) and data.endswith(self._after, start, end):
            text = data[start + self._from : end - self._to]
            if text and _QUOTE not in text and _BACKSLASH not in text and _LF not in text and _CR not in text:
                self.tokens += 1
                parts = self._parts
                parts.append(text)
                if len(parts) >= _JOINED_PARTS:
                    self._join()
                return True
        return False

    def _take(self, frame: bytes) -> bool:
        """The same, by reading it."""
        raise NotImplementedError

    def learn(self, frame: bytes, text: str) -> None:
        """Note ``text``, the only one in ``frame``, and what stands around it."""
        self.add(text)
        if tells_usage(frame):
            self._before = b""  # others have to read the next one, too
            return
        plain = text.encode("utf-8", "surrogatepass")
        start = frame.find(self.MEMBER) + len(self.MEMBER)
        end = start + len(plain)
        if start >= len(self.MEMBER) and frame[start:end] == plain and frame[end : end + 1] == b'"':
            self._before, self._after = frame[:start], frame[end:]
            self._from, self._to = start, len(self._after)

    def look(self, frame: bytes) -> bytes:
        """What of ``frame`` may pass; comments always do. Stops at the first event that is trouble."""
        passed = []
        for event in split(frame):
            if self.take(event):
                passed.append(event)
                continue
            found = parse(event)
            keep = not found or self._look_at(found[0].data)
            if self.trouble is not None:
                break
            if keep:
                passed.append(event)
        return b"".join(passed)

    def _look_at(self, data: bytes) -> bool:
        """Whether an uncommon event passes."""
        if self.done:
            return False
        if data.strip() == b"[DONE]":
            if not self.finish and (self.tokens or self.thought or self.stuck):
                self.trouble = UpstreamError("an upstream ended its stream before its answer", phase="body")
                return False
            self.done = True
            return True
        try:
            event = msgspec.json.decode(data)
        except JSON_ERRORS:
            # Without it the stream is coherent; but text that was torn is lost.
            if _TORN.search(data) is not None and not self.finish:
                self.trouble = UpstreamError("an upstream sent a malformed event", code="upstream_malformed")
            return False
        if not isinstance(event, dict):
            return False
        error = event.get("error")
        if error or event.get("object") == "error" or event.get("type") == "error":
            if not self.finish:
                self.trouble = _told_error(data)
            return False
        self._read(event)
        return True

    def _read(self, event: dict[str, Any]) -> None:
        raise NotImplementedError

    def add(self, text: str) -> None:
        """One more piece of text."""
        self.tokens += 1
        self._parts.append(text.encode("utf-8", "surrogatepass"))
        if len(self._parts) >= _JOINED_PARTS:
            self._join()

    def ended(self, finish: str) -> None:
        """The answer is whole, for this reason."""
        self.finish = finish
        self._before = b""  # what comes now is looked at

    def _join(self) -> None:
        if not self.full:
            joined = b"".join(self._parts)
            self._blocks.append(joined)
            self._length += len(joined)
            if self._length > MOST_TEXT_BYTES:
                self.forget()
        self._parts.clear()

    def forget(self) -> None:
        """Keep no text from now on: the stream cannot be continued."""
        self.full = True
        self._parts.clear()
        self._blocks.clear()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.tokens} tokens {self.finish or 'open'}{' done' * self.done}>"


def members(value: object) -> dict[str, Any]:
    """``value`` if it is an object. An upstream may send anything in the place of one: that says nothing."""
    return value if isinstance(value, dict) else {}


def elements(value: object) -> list[dict[str, Any]]:
    """The objects in ``value``, if it is a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _told_error(data: bytes) -> UpstreamError:
    """An error event as an error."""
    said = upstream_message(data)
    return UpstreamError(
        f"an upstream ended its answer with an error: {said or 'unknown'}",
        code="upstream_error_event", phase="body", quoted=said,
    )  # fmt: skip
