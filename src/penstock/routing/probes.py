"""What a probe asks, and what the answer means. Pure.

Enters: how an upstream is probed (``path``, ``models``, ``token``), then status and body of its answer. Leaves: a
Question, then a word of a closed set with whether that is good. An answer that is no success and no failure of the
server (no such path, a key wanted) says that something answers, and no more: it puts nobody out of use.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

SMALL_BYTES = 64 * 1024
LARGE_BYTES = 4 * 1024 * 1024
"""A list of models may be long."""


@dataclass(frozen=True, slots=True)
class Question:
    """``as_a_call``: what it asks is what callers ask; ``head_is_enough``: its answer's body says nothing."""

    method: str
    path: str
    body: bytes = b""
    limit: int = SMALL_BYTES
    as_a_call: bool = False
    head_is_enough: bool = False


def question(way: str, path: str, dialect: str, model: str) -> Question:
    """What is asked. ``path`` counts from the root of the server; what is relative, from its base URL."""
    if way == "path":
        return Question("GET", path, head_is_enough=True)
    if way == "models":
        return Question("GET", "models", limit=LARGE_BYTES)
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    return Question(
        "POST", "messages" if dialect == "anthropic" else "chat/completions", msgspec.json.encode(body), as_a_call=True
    )


def verdict(question: Question, status: int, body: bytes) -> tuple[str, bool | None]:
    """``(word, good)``: good, bad, or None where it says too little."""
    if status >= 500:
        return "server_error", False
    if not 200 <= status < 300:
        return "answers", None
    if question.head_is_enough:
        return "well", True
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "malformed", False
    return ("well", True) if isinstance(told, dict) else ("malformed", False)
