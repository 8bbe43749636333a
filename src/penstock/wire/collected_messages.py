"""A stream of Anthropic's Messages, collected into the one message that a call without a stream gets.

Enters: frames of whole events. Leaves: the message's JSON: content blocks by their index, grown by their deltas, the
inputs of tools put together from their parts; each count of usage as last told. A tool's input that was cut off by the
limit on tokens is empty: ``stop_reason`` tells why. May fail as ``Collected`` does, and for an input that is no JSON.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.wire.collected import ENTRY_BYTES, MOST_BYTES, Collected, Text, malformed, to_json
from penstock.wire.told import JSON_ERRORS

_CUT_SHORT = ("max_tokens", "model_context_window_exceeded", "refusal")
"""Reasons to stop that may come in the midst of a block."""


class CollectedMessage(Collected):
    """See the module."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        super().__init__(most)
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, Text] = {}

    def clear(self) -> None:
        super().clear()
        for held in (self._message, self._usage, self._blocks, self._inputs):
            held.clear()

    def _take(self, event: dict[str, Any]) -> None:
        kind, index = event.get("type"), event.get("index")
        if kind == "message_start":
            self._note(event.get("message"))
        elif kind == "message_delta":
            self._note(event.get("delta"))
            self._note({key: value for key, value in event.items() if key not in ("type", "delta")})
        elif isinstance(index, int) and kind == "content_block_start":
            self._grow(ENTRY_BYTES)
            self._blocks[index] = {}
            self._take_block(index, event.get("content_block"))
        elif isinstance(index, int) and kind == "content_block_delta":
            if index not in self._blocks:
                raise malformed("a part of a block that had not begun")
            self._take_delta(index, event.get("delta"))

    def _note(self, told: Any) -> None:
        """Facts about the message."""
        for key, value in told.items() if isinstance(told, dict) else ():
            if key != "usage":
                self._set(self._message, key, value)
            elif isinstance(value, dict):
                for name, count in value.items():
                    self._set(self._usage, name, count)

    def _take_block(self, index: int, told: Any) -> None:
        block = self._blocks[index]
        for key, value in told.items() if isinstance(told, dict) else ():
            if isinstance(value, str):  # most of them grow
                self._merge(block, {key: value})
            else:
                self._set(block, key, value)

    def _take_delta(self, index: int, told: Any) -> None:
        block = self._blocks[index]
        for key, value in told.items() if isinstance(told, dict) else ():
            if key == "partial_json" and isinstance(value, str):
                self._grow(self._inputs.setdefault(index, Text()).add(value))
            elif key == "citation":
                self._merge(block, {"citations": [value]})
            elif key != "type":
                self._merge(block, {key: value})

    def body(self) -> bytes:
        if not self._message:
            raise malformed("a stream without an answer")
        content = [self._whole_block(index) for index in sorted(self._blocks)]
        return to_json({**self._message, "content": content, "usage": self._usage})

    def _whole_block(self, index: int) -> dict[str, Any]:
        block, told = self._blocks[index], self._inputs.get(index)
        data = b"" if told is None else told.value.encode()
        if not data.strip():
            return block
        try:
            msgspec.json.decode(data)
        except JSON_ERRORS:
            if self._message.get("stop_reason") not in _CUT_SHORT:
                raise malformed("the input of a tool that is no JSON") from None
            data = b"{}"
        return {**block, "input": msgspec.Raw(data)}
