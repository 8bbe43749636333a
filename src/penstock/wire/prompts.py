"""What a caller said last, out of a request of any dialect: for built-in models and for log lines on demand.

Enters: a body that ``peek`` accepted. Leaves: text, bounded. May fail: not at all; where nothing is said, it is "".
"""

from __future__ import annotations

from typing import Any

import msgspec

MOST_CHARACTERS = 1 << 20
_SAID_IN = {"completions": "prompt", "embeddings": "input", "responses": "input", "moderations": "input"}


class _Body(msgspec.Struct):
    messages: Any = None
    prompt: Any = None
    input: Any = None
    query: Any = None


_body = msgspec.json.Decoder(_Body)


def last_user_text(body: bytes, operation_name: str, most: int = MOST_CHARACTERS) -> str:
    """The text of the last user turn, or the last prompt or input; cut to ``most`` characters."""
    try:
        found = _body.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if operation_name == "rerank":
        said = found.query
    else:
        said = getattr(found, _SAID_IN.get(operation_name, "messages"))
    return _text(_last_turn(said))[:most]


def _last_turn(said: Any) -> Any:
    """The last turn that a user (or nobody in particular) took, of a list of turns; anything else as it is."""
    if not isinstance(said, list):
        return said
    for turn in reversed(said):
        if isinstance(turn, str):
            return turn
        if isinstance(turn, dict) and turn.get("role", "user") == "user" and "content" in turn:
            return turn["content"]
    return said if said and not isinstance(said[0], dict) else ""


def _text(content: Any) -> str:
    """Text out of a string, or of a list of parts, of which those that hold text count."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [part if isinstance(part, str) else part.get("text") for part in content if isinstance(part, str | dict)]
    return "\n".join(text for text in texts if isinstance(text, str))
