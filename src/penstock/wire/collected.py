"""A stream of chat completions or completions, collected into the one answer that a call without a stream gets.

Enters: frames of whole events. Leaves: the answer's JSON. Text and lists grow, tool calls by their index; of all other
facts the last one told holds. What is not understood is treated alike. May fail: UpstreamError for an answer larger
than MOST_BYTES, for an event that is no JSON, and for a stream that told no answer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.core.errors import UpstreamError
from penstock.wire.sse import parse
from penstock.wire.told import JSON_ERRORS

MOST_BYTES = 16 * 1024 * 1024
"""Kept of one answer; a larger one is refused."""
ENTRY_BYTES = 64
"""What each key, choice and tool call counts for beside its value."""
_NAMES = frozenset({"format", "id", "name", "object", "role", "type"})
"""Strings that are told whole, by some servers in every event."""
_NOT_FACTS = frozenset({"choices", "object", "obfuscation"})


class Text:
    """A string that grows, held as UTF-8."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def add(self, piece: str) -> int:
        """Add ``piece``. Gives the bytes that it takes."""
        data = piece.encode()
        self._held += data
        return len(data)

    @property
    def value(self) -> str:
        return self._held.decode()


class Items:
    """A list that grows, held as JSON."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def add(self, items: list[Any]) -> int:
        """Add ``items``. Gives the bytes that they take."""
        data = to_json(items)[1:-1]
        if data and self._held:
            self._held += b","
        self._held += data
        return len(data)

    @property
    def value(self) -> msgspec.Raw:
        return msgspec.Raw(b"[%b]" % bytes(self._held))


class Entries:
    """A list whose entries grow, each known by its index. Some servers give all calls of tools one index, or none; some
    give each part of a call another id. So a call begins where there is a name and the id is not the same."""

    __slots__ = ("_by_index", "_held")

    def __init__(self) -> None:
        self._by_index: dict[int, dict[str, Any]] = {}
        self._held: list[dict[str, Any]] = []

    def find(self, told: dict[str, Any]) -> dict[str, Any] | None:
        """The entry that ``told`` adds to; None if it begins one."""
        index, id, function = told.get("index"), told.get("id"), told.get("function")
        if isinstance(index, int):
            known = self._by_index.get(index)
            is_other = known is not None and bool(id) and known.get("id") not in (None, "", id)
        else:
            known = self._held[-1] if self._held else None
            is_other = known is not None and (not id or known.get("id") != id)
        has_name = isinstance(function, dict) and bool(function.get("name"))
        return None if is_other and has_name else known

    def begin(self, told: dict[str, Any]) -> dict[str, Any]:
        """A new entry, for ``told``."""
        entry: dict[str, Any] = {}
        self._held.append(entry)
        if isinstance(told.get("index"), int):
            self._by_index[told["index"]] = entry
        return entry

    @property
    def value(self) -> list[dict[str, Any]]:
        return sorted(self._held, key=lambda entry: entry["index"] if _is_indexed(entry) else 0)


to_json = msgspec.json.Encoder(enc_hook=lambda grown: grown.value).encode


class Collected:
    """What all dialects share. ``most``: the bytes that may be kept."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._size = 0

    def add(self, frame: bytes) -> None:
        """Take the events of ``frame``. Raises UpstreamError."""
        for event in parse(frame):
            if event.data.strip() == b"[DONE]":
                continue
            try:
                told = msgspec.json.decode(event.data)
                if isinstance(told, dict):
                    self._take(told)
            except JSON_ERRORS:
                raise malformed("an event that cannot be read") from None

    def _take(self, event: dict[str, Any]) -> None:
        raise NotImplementedError

    def clear(self) -> None:
        """Forget all: another answer takes the place of this one."""
        self._size = 0

    def body(self) -> bytes:
        """The whole answer. Raises UpstreamError where there is none."""
        raise NotImplementedError

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._most:
            raise UpstreamError(
                f"the answer is larger than {self._most} bytes, the most that is collected of a stream for a call "
                "without one (rescue: all); ask for a stream",
                code="answer_too_large", retryable=False, phase="body",
            )  # fmt: skip

    def _set(self, into: dict[str, Any], key: str, value: Any) -> None:
        """The last one told holds; one that says nothing is no fact, but is told where there is no other."""
        held = into.get(key)
        if key not in into:
            self._grow(ENTRY_BYTES + len(key))
        elif value is None or value == held or (not value and held and isinstance(value, (str, list, dict))):
            return
        if isinstance(value, (str, list, dict)):
            self._grow(len(to_json(value)) - len(to_json(held)))
        into[key] = value

    def _merge(self, into: dict[str, Any], told: dict[str, Any]) -> None:
        """Let what ``into`` holds grow by ``told``."""
        for key, value in told.items():
            held = into.get(key)
            if isinstance(value, str) and key not in _NAMES:
                grown = held if isinstance(held, (Text, Items)) else self._begin(into, key, Text())
                size = grown.add(value) if isinstance(grown, Text) else grown.add([{"type": "text", "text": value}])
                self._grow(size)
            elif isinstance(value, dict):
                self._merge(held if isinstance(held, dict) else self._begin(into, key, {}), value)
            elif isinstance(value, list):
                self._extend(into, key, value)
            elif key != "id" or not held:
                self._set(into, key, value)

    def _extend(self, into: dict[str, Any], key: str, told: list[Any]) -> None:
        held = into.get(key)
        if isinstance(held, Entries) or key == "tool_calls" or (told and all(map(_is_indexed, told))):
            entries = held if isinstance(held, Entries) else self._begin(into, key, Entries())
            for item in told:
                if isinstance(item, dict):
                    entry = entries.find(item)
                    if entry is None:
                        self._grow(ENTRY_BYTES)
                        entry = entries.begin(item)
                    self._merge(entry, item)
            return
        if not isinstance(held, Items):
            items = self._begin(into, key, Items())
            if isinstance(held, Text) and held.value:
                self._grow(items.add([{"type": "text", "text": held.value}]))
            held = items
        self._grow(held.add(told))

    def _begin(self, into: dict[str, Any], key: str, grown: Any) -> Any:
        self._grow(ENTRY_BYTES + len(key))
        into[key] = grown
        return grown

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._size} of {self._most} bytes>"


class CollectedChoices(Collected):
    """Chat completions, and completions: choices by their index, each with a message or a text."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        super().__init__(most)
        self._facts: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def clear(self) -> None:
        super().clear()
        self._facts.clear()
        self._choices.clear()

    def _take(self, event: dict[str, Any]) -> None:
        for key, value in event.items():
            if key not in _NOT_FACTS and not (key in ("id", "model", "created") and self._facts.get(key)):
                self._set(self._facts, key, value)
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._take_choice(choice)

    def _take_choice(self, told: dict[str, Any]) -> None:
        index = told.get("index")
        index = index if isinstance(index, int) else 0
        choice = self._choices.get(index)
        if choice is None:
            self._grow(ENTRY_BYTES)
            choice = self._choices[index] = {}
        for key, value in told.items():
            if key == "delta":
                delta = value if isinstance(value, dict) else {}
                self._merge(choice, {"delta": delta})
            elif key in ("text", "logprobs") or isinstance(value, list):
                self._merge(choice, {key: value})
            elif key not in ("index", "message"):
                self._set(choice, key, value)

    def body(self) -> bytes:
        if not self._choices:
            raise malformed("a stream without an answer")
        whole = dict(self._facts)
        usage = whole.pop("usage", None)
        is_chat = any("delta" in choice for choice in self._choices.values())
        whole["object"] = "chat.completion" if is_chat else "text_completion"
        whole["choices"] = [_whole_choice(index, self._choices[index]) for index in sorted(self._choices)]
        if usage is not None:
            whole["usage"] = usage
        return to_json(whole)


def _whole_choice(index: int, told: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": index, "finish_reason": None, **told}
    if "delta" not in choice:
        return {"text": "", **choice}
    message = choice["message"] = {"role": "assistant", "content": None, **choice.pop("delta")}
    calls = message.get("tool_calls")
    if isinstance(calls, Entries):
        calls = message["tool_calls"] = [{key: call[key] for key in call if key != "index"} for call in calls.value]
    content, refusal = message["content"], message.get("refusal")
    said_otherwise = calls or message.get("function_call") or (isinstance(refusal, Text) and refusal.value)
    if isinstance(content, Text) and not content.value and said_otherwise:
        message["content"] = None  # streams begin with an empty text where whole answers have none
    return choice


def _is_indexed(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("index"), int)


def malformed(what: str) -> UpstreamError:
    """An answer that cannot be put together."""
    return UpstreamError(f"an upstream sent {what}", code="upstream_malformed", phase="body")
