"""The last user text of a call, taken out of it: the text is compared by meaning, all the rest exactly. Pure.

Enters: an operation's name and the members of a call's body. Leaves: a Prompt, or the reason why there is none: what is
asked must be one plain text, and what stands before it text as well. May fail: not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from penstock.wire.members import Members

OPERATIONS = frozenset({"chat", "messages", "completions", "responses"})
"""Operations whose answers are texts."""

_TEXTS = frozenset({"text", "input_text", "output_text", "refusal", "thinking", "redacted_thinking"})
_MEDIA = ("image", "audio", "file", "document", "video")
_TOOLS = ("tool", "function", "call", "mcp", "search", "computer", "shell", "patch")
_TALKERS = frozenset({"user", "assistant", "system", "developer"})
_UNPLAIN = ("tool_calls", "function_call", "tool_call_id", "audio")


_encode = msgspec.json.Encoder().encode


class Prompt(NamedTuple):
    """``rest`` is the call without ``text``: a new object as far as it differs from what came."""

    text: str
    rest: dict[str, Any]


def prompt_of(operation: str, fields: Mapping[str, Any]) -> Prompt | str:
    """See the module. The reasons: ``operation``, ``shape``, ``media``, ``tool_results``, ``choices``, ``logprobs``."""
    if operation not in OPERATIONS:
        return "operation"
    if _asks_many(fields):
        return "choices"
    if any(fields.get(name) not in (None, False, 0) for name in ("logprobs", "top_logprobs", "echo")):
        return "logprobs"
    modalities = fields.get("modalities")
    if modalities is not None and modalities != ["text"]:
        return "media"
    if operation == "completions":
        return _of_text("prompt", fields)
    if operation == "responses" and isinstance(fields.get("input"), str):
        return _of_text("input", fields)
    return _of_turns("input" if operation == "responses" else "messages", fields)


def is_distinct(fields: Mapping[str, Any]) -> bool:
    """Whether no key stands twice anywhere: readers disagree on which one counts, and here one reading is compared. Of
    small bodies that is known already."""
    return not isinstance(fields, Members) or all(fields.shape(name, _is_distinct) for name in fields)


def _is_distinct(raw: msgspec.Raw) -> bool:
    data = bytes(raw)
    try:
        if len(_encode(msgspec.json.decode(data))) == len(data):
            return True  # nothing was left out
        json.loads(data, object_pairs_hook=_pairs)
    except (ValueError, RecursionError):
        return False
    return True


def _pairs(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) != len({name for name, _ in pairs}):
        raise ValueError("a key is given twice")


def _asks_many(fields: Mapping[str, Any]) -> bool:
    return any(fields.get(name) not in (None, 1) for name in ("n", "best_of"))


def _of_text(name: str, fields: Mapping[str, Any]) -> Prompt | str:
    text = fields.get(name)
    return Prompt(text, {**fields, name: None}) if isinstance(text, str) else "shape"


def _of_turns(name: str, fields: Mapping[str, Any]) -> Prompt | str:
    turns = fields.get(name)
    if not isinstance(turns, list) or not turns:
        return "shape"
    for turn in turns[:-1]:
        if reason := _unfit(turn):
            return reason
    last = turns[-1]
    if reason := _unfit(last):
        return reason
    if last.get("role") != "user":
        return "shape"
    content = last.get("content")
    if isinstance(content, str):
        return Prompt(content, {**fields, name: [*turns[:-1], {**last, "content": None}]})
    if not isinstance(content, list) or len(content) != 1:
        return "shape"  # of several texts nobody can say which is the question
    part = content[0]
    text = part.get("text")
    if part.get("type") not in ("text", "input_text") or not isinstance(text, str):
        return "shape"
    return Prompt(text, {**fields, name: [*turns[:-1], {**last, "content": [{**part, "text": None}]}]})


def _unfit(turn: Any) -> str:
    """Why a turn is not plain text; "" if it is."""
    if not isinstance(turn, dict):
        return "shape"
    kind = turn.get("type", "message")
    if kind != "message":
        return _kind(kind)
    role = turn.get("role")
    if role in ("tool", "function") or any(turn.get(name) for name in _UNPLAIN):
        return "tool_results"
    if not isinstance(role, str) or role not in _TALKERS:
        return "shape"
    content = turn.get("content")
    if content is None or isinstance(content, str):
        return ""
    if not isinstance(content, list):
        return "shape"
    for part in content:
        if not isinstance(part, dict):
            return "shape"
        named = part.get("type")
        if not isinstance(named, str) or named not in _TEXTS:
            return _kind(named)
    return ""


def _kind(kind: Any) -> str:
    if isinstance(kind, str):
        if any(word in kind for word in _MEDIA):
            return "media"
        if any(word in kind for word in _TOOLS):
            return "tool_results"
    return "shape"
