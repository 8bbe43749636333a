"""What streams of each dialect tell: chat completions, legacy completions, Anthropic's Messages.

Enters: frames. Leaves: what ``Told`` promises. May fail: not at all.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.wire.told import JSON_ERRORS, Told, elements, members

MOST_CHOICES = 1024
"""Waited for in one stream."""
_MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: msgspec.Raw | None = None
    function_call: msgspec.Raw | None = None
    refusal: str | None = None
    audio: msgspec.Raw | None = None


class _ChatChoice(msgspec.Struct, gc=False):
    delta: _Delta
    index: int = 0
    finish_reason: str | None = None


class _ChatChunk(msgspec.Struct, gc=False):
    choices: tuple[_ChatChoice]
    error: msgspec.Raw | None = None


class _TextChoice(msgspec.Struct, gc=False):
    text: str
    index: int = 0
    finish_reason: str | None = None


class _TextChunk(msgspec.Struct, gc=False):
    choices: tuple[_TextChoice]
    error: msgspec.Raw | None = None


class ChatTold(Told):
    """A stream of chat completion chunks."""

    __slots__ = ("_decode",)

    def __init__(self) -> None:
        super().__init__()
        self._decode = msgspec.json.Decoder(_ChatChunk).decode

    def _take(self, frame: bytes) -> bool:
        try:
            chunk = self._decode(frame[6:-2])
        except JSON_ERRORS:
            return False
        choice = chunk.choices[0]
        delta = choice.delta
        text = delta.content
        if choice.finish_reason is not None or choice.index or self.finish or self.model is None:
            return False
        if chunk.error is not None or delta.tool_calls is not None or delta.refusal or delta.function_call is not None:
            return False
        if not text:
            self.thought = self.thought or bool(delta.reasoning_content or delta.reasoning)
            return self.thought
        self.learn(frame, text)
        return True

    def _read(self, event: dict[str, Any]) -> None:
        _note_names(self, event)
        for choice in elements(event.get("choices")):
            delta = members(choice.get("delta"))
            for word in ("tool_calls", "function_call", "refusal", "audio"):
                if delta.get(word):
                    self.stuck = f"a part of the answer ({word}) cannot be continued"
            self.thought = self.thought or bool(delta.get("reasoning_content") or delta.get("reasoning"))
            text = delta.get("content")
            if isinstance(text, str) and text:
                self.add(text)
            _note_choice(self, choice)


class CompletionsTold(Told):
    """A stream of legacy completion chunks."""

    __slots__ = ("_decode",)

    MEMBER = b'"text":"'

    def __init__(self) -> None:
        super().__init__()
        self._decode = msgspec.json.Decoder(_TextChunk).decode

    def _take(self, frame: bytes) -> bool:
        try:
            chunk = self._decode(frame[6:-2])
        except JSON_ERRORS:
            return False
        choice = chunk.choices[0]
        if not choice.text or choice.finish_reason is not None or choice.index or self.finish or self.model is None:
            return False
        if chunk.error is not None:
            return False
        self.learn(frame, choice.text)
        return True

    def _read(self, event: dict[str, Any]) -> None:
        _note_names(self, event)
        for choice in elements(event.get("choices")):
            if isinstance(choice.get("text"), str) and choice["text"]:
                self.add(choice["text"])
            _note_choice(self, choice)


def _note_names(told: Told, event: dict[str, Any]) -> None:
    if event.get("choices") == [] and isinstance(event.get("usage"), dict):
        told.ended(told.finish or "unknown")  # the sum is only drawn at the end
    if told.model is None:
        told.id = event["id"] if isinstance(event.get("id"), str) else None
        told.model = event["model"] if isinstance(event.get("model"), str) else ""
        told.created = event["created"] if isinstance(event.get("created"), int) else None


def _note_choice(told: Told, choice: dict[str, Any]) -> None:
    """An answer is whole when each of its choices is."""
    index = choice.get("index")
    index = index if isinstance(index, int) else 0
    if index:
        told.stuck = "the answer has several choices"
    if not choice.get("finish_reason"):
        if len(told.running) < MOST_CHOICES:
            told.running.add(index)
        return
    told.running.discard(index)
    if not told.running:
        told.ended(str(choice["finish_reason"]))


class _TextDelta(msgspec.Struct, gc=False, tag="text_delta"):
    text: str


class _BlockDelta(msgspec.Struct, gc=False, tag="content_block_delta"):
    delta: _TextDelta


class MessagesTold(Told):
    """A stream of Messages events. ``blocks`` counts those begun; ``open_block`` is the type of the one not ended."""

    __slots__ = ("_decode",)

    END = _MESSAGE_STOP
    MEMBER = b'"text":"'

    def __init__(self) -> None:
        super().__init__()
        self._decode = msgspec.json.Decoder(_BlockDelta).decode

    def _take(self, frame: bytes) -> bool:
        if not frame.startswith(b"event: content_block_delta\ndata: ") or self.finish:
            return False
        try:
            event = self._decode(frame[33:-2])
        except JSON_ERRORS:
            return False
        self.learn(frame, event.delta.text)
        return True

    def _read(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "message_start":
            message = members(event.get("message"))
            self.model = str(message.get("model") or "")
            self.id = message.get("id")
        elif kind == "content_block_start":
            self.blocks += 1
            self.open_block = str(members(event.get("content_block")).get("type"))
            if self.open_block not in ("text", "thinking", "redacted_thinking"):
                self.stuck = f"a part of the answer ({self.open_block}) cannot be continued"
        elif kind == "content_block_stop":
            self.open_block = ""
        elif kind == "content_block_delta":
            text = members(event.get("delta")).get("text")
            if isinstance(text, str) and text:
                self.add(text)
        elif kind == "message_delta":
            stop = members(event.get("delta")).get("stop_reason")
            if stop:
                self.ended(str(stop))
        elif kind == "message_stop":
            self.done = True


KINDS: dict[str, type[Told]] = {"chat": ChatTold, "completions": CompletionsTold, "messages": MessagesTold}
"""By the name of the operation: the streams that are understood here."""
