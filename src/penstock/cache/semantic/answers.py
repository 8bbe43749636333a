"""What an answer says, as one text, so that two answers can be compared. Pure.

Enters: an operation's name and a whole body. Leaves: the text; None for an answer that says something else as well (a
tool called, a picture, several choices) or is none. May fail: not at all.
"""

from __future__ import annotations

from typing import Any

import msgspec


def answer_text(operation: str, body: bytes) -> str | None:
    """See the module."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    if operation in ("chat", "completions"):
        return _choice(told.get("choices"))
    if operation == "messages":
        return _joined(told.get("content"), "text")
    return _output(told.get("output")) if operation == "responses" else None


def _choice(choices: Any) -> str | None:
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    choice = choices[0]
    if "message" not in choice:
        text = choice.get("text")
        return text if isinstance(text, str) and text else None
    message = choice["message"]
    if not isinstance(message, dict) or any(message.get(name) for name in ("tool_calls", "function_call", "audio")):
        return None
    content = message.get("content") or message.get("refusal")
    if isinstance(content, list):
        return _joined(content, "text")
    return content if isinstance(content, str) and content else None


def _joined(parts: Any, wanted: str) -> str | None:
    """The texts of ``parts``; what was only thought is not said."""
    if not isinstance(parts, list):
        return None
    texts = []
    for part in parts:
        if not isinstance(part, dict):
            return None
        kind, text = part.get("type"), part.get("text")
        if kind in ("thinking", "redacted_thinking"):
            continue
        if kind != wanted or not isinstance(text, str):
            return None
        texts.append(text)
    return "".join(texts) or None


def _output(items: Any) -> str | None:
    if not isinstance(items, list):
        return None
    texts = []
    for item in items:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "reasoning":
            continue
        text = _joined(item.get("content"), "output_text") if kind == "message" else None
        if text is None:
            return None
        texts.append(text)
    return "".join(texts) or None
