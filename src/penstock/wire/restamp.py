"""Frames of a second upstream made to look like the rest of the first one's stream.

Enters: frames, and what of each piece of text is new (``trim``, ``rest``). Leaves: frames with the first stream's id,
model, date and block numbers, without what it has told already, usage summed, and before the end a comment that tells
the story. What cannot be read passes as it is. May fail as ``trim`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from penstock.wire.counts import Usage
from penstock.wire.sse import encode, parse, split
from penstock.wire.told import JSON_ERRORS, Told, members
from penstock.wire.told_dialects import CompletionsTold, MessagesTold


class Restamp:
    """See the module. ``rest()`` gives the text that ``trim`` held back; ``before`` is what earlier upstreams used."""

    def __init__(
        self,
        told: Told,
        trim: Callable[[str], str],
        rest: Callable[[], str],
        before: Usage,
        comment: bytes,
        rescues: int,
    ) -> None:
        self._told = told
        self._trim = trim
        self._rest = rest
        self._before = before
        self._comment = comment
        self._rescues = rescues

    def frame(self, frame: bytes) -> bytes:
        """The frame as the caller may see it; b"" for nothing."""
        return b"".join([self._event(event) for event in split(frame)])

    def _event(self, raw: bytes) -> bytes:
        found = parse(raw)
        if not found:
            return raw
        data = found[0].data
        if data.strip() == b"[DONE]":
            return self._comment + raw
        try:
            event = msgspec.json.decode(data)
        except JSON_ERRORS:
            return raw
        if not isinstance(event, dict) or event.get("error"):
            return raw
        return self._restamped(event)

    def _restamped(self, event: dict[str, Any]) -> bytes:
        raise NotImplementedError

    def _summed(self, usage: dict[str, Any]) -> dict[str, Any]:
        """Usage with what was used before; a mark tells that it is a sum."""
        before = self._before
        added = {
            "prompt_tokens": before.prompt_tokens,
            "completion_tokens": before.completion_tokens,
            "total_tokens": before.total_tokens,
            "input_tokens": before.prompt_tokens - before.cached_tokens,
            "output_tokens": before.completion_tokens,
        }
        summed = dict(usage)
        for name, more in added.items():
            if isinstance(summed.get(name), int):
                summed[name] += more
        return summed | {"penstock_rescues": self._rescues}


class ChoicesRestamp(Restamp):
    """For chat completions and completions."""

    def _restamped(self, event: dict[str, Any]) -> bytes:
        told = self._told
        if told.id is not None:
            event["id"] = told.id
        if told.model:
            event["model"] = told.model
        if told.created is not None:
            event["created"] = told.created
        if isinstance(event.get("usage"), dict):
            event["usage"] = self._summed(event["usage"])
        choices = event.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            return encode(msgspec.json.encode(event))
        ahead = self._trim_choice(event, choices[0])
        worth = choices[0].get("finish_reason") or event.get("usage") or _has_content(choices[0])
        return ahead + (encode(msgspec.json.encode(event)) if worth else b"")

    def _trim_choice(self, event: dict[str, Any], choice: dict[str, Any]) -> bytes:
        """Leave what is new in ``choice``; gives an event to be put before it, with text that was held back."""
        delta = choice.get("delta")
        holder, name = (delta, "content") if isinstance(delta, dict) else (choice, "text")
        if isinstance(delta, dict):
            if self._told.began:
                delta.pop("role", None)
            if self._told.tokens or self._told.thought:  # they belong to a text that is half told, or are told
                for thought in ("reasoning_content", "reasoning"):
                    delta.pop(thought, None)
        text = holder.get(name)
        if isinstance(text, str) and text:
            new = self._trim(text)
            if new != text:
                choice.pop("logprobs", None)
            holder[name] = new
        elif not text and name == "content":
            holder.pop(name, None)
        if not choice.get("finish_reason") and not (isinstance(delta, dict) and delta.get("tool_calls")):
            return b""
        held = self._rest()
        if not held:
            return b""
        piece: dict[str, Any] = {"delta": {"content": held}} if isinstance(delta, dict) else {"text": held}
        ahead = {key: value for key, value in event.items() if key != "usage"}
        ahead["choices"] = [{"index": 0, **piece, "finish_reason": None}]
        return encode(msgspec.json.encode(ahead))


def _has_content(choice: dict[str, Any]) -> bool:
    delta = choice.get("delta")
    if isinstance(delta, dict):
        return any(value for value in delta.values())
    return bool(choice.get("text"))


class MessagesRestamp(Restamp):
    """For Messages. A text block that stands open goes on; thoughts of the second upstream are left out."""

    def __init__(
        self,
        told: Told,
        trim: Callable[[str], str],
        rest: Callable[[], str],
        before: Usage,
        comment: bytes,
        rescues: int,
    ) -> None:
        super().__init__(told, trim, rest, before, comment, rescues)
        self._goes_on = told.open_block == "text"
        self._left_open = bool(told.open_block) and not self._goes_on
        self._next = told.blocks - 1 if self._goes_on else told.blocks
        self._numbers: dict[int, int | None] = {}

    def _restamped(self, event: dict[str, Any]) -> bytes:
        kind = str(event.get("type"))
        if kind == "message_start":
            if self._told.began:
                return b""
        elif kind == "content_block_start":
            return self._block_start(event)
        elif kind in ("content_block_delta", "content_block_stop"):
            number = self._numbers.get(_index(event))
            if number is None:
                return b""
            ahead = b""
            delta = event.get("delta")
            if isinstance(delta, dict) and isinstance(delta.get("text"), str):
                delta["text"] = self._trim(delta["text"])
                if not delta["text"]:
                    return b""
            elif kind == "content_block_stop" and (held := self._rest()):
                ahead = _event(
                    {"type": "content_block_delta", "index": number, "delta": {"type": "text_delta", "text": held}}
                )
            return ahead + _event(event | {"index": number})
        elif kind == "message_delta" and isinstance(event.get("usage"), dict):
            event["usage"] = self._summed(event["usage"])
        elif kind == "message_stop":
            return self._comment + _event(event)
        return _event(event)

    def _block_start(self, event: dict[str, Any]) -> bytes:
        index, kind = _index(event), members(event.get("content_block")).get("type")
        if kind in ("thinking", "redacted_thinking") and self._told.blocks:
            self._numbers[index] = None
            return b""
        closing = b""
        if self._left_open:
            closing = _event({"type": "content_block_stop", "index": self._told.blocks - 1})
            self._left_open = False
        if self._goes_on and kind != "text":
            closing = _event({"type": "content_block_stop", "index": self._next})
            self._next += 1
            self._goes_on = False
        number = self._numbers[index] = self._next
        self._next += 1
        if self._goes_on:
            self._goes_on = False
            return closing
        return closing + _event(event | {"index": number})


def _index(event: dict[str, Any]) -> int:
    """The number of a block; who gives none, or something else for it, has but one."""
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _event(event: dict[str, Any]) -> bytes:
    kind = event.get("type")
    return encode(msgspec.json.encode(event), None if kind is None else str(kind))


def restamp_of(told: Told) -> type[Restamp]:
    """The Restamp of a stream's dialect."""
    return MessagesRestamp if isinstance(told, MessagesTold) else ChoicesRestamp


def ending(told: Told, finish: str, comment: bytes) -> bytes:
    """What ends a stream whose last token is out already, in its dialect."""
    if isinstance(told, MessagesTold):
        stop = b""
        if told.open_block:
            stop = _event({"type": "content_block_stop", "index": told.blocks - 1})
        delta: dict[str, Any] = {"stop_reason": "max_tokens" if finish == "length" else finish, "stop_sequence": None}
        usage = {"output_tokens": told.tokens}
        return stop + _event({"type": "message_delta", "delta": delta, "usage": usage}) + comment + told.END
    is_chat = not isinstance(told, CompletionsTold)
    choice: dict[str, Any] = {"index": 0, **({"delta": {}} if is_chat else {"text": ""}), "finish_reason": finish}
    body = {
        "id": told.id or "",
        "object": "chat.completion.chunk" if is_chat else "text_completion",
        "created": told.created or 0,
        "model": told.model or "",
        "choices": [choice],
    }
    return encode(msgspec.json.encode(body)) + comment + told.END
