"""Request bodies that ask for the rest of an answer of which the beginning is out already.

Enters: a call's body, the text so far, how many tokens it took, the way. Leaves: a Continuation, or None where this
way does not fit this body. ``WAYS`` names the ways. May fail: not at all for a body that ``peek`` accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.wire.json_scan import splice

WAYS = ("prefill", "prefill_flagged", "instruction", "restart")
"""``prefill``: the text so far as a last message of the assistant; ``prefill_flagged``: the same with the fields that
vLLM and SGLang want for it; ``instruction``: the model is told to go on; ``restart``: the same request again."""

INSTRUCTION = (
    "Your answer was cut off. Continue it from exactly where it stopped, and write only what comes next: no "
    "introduction, no repetition, no comment. Its last words were: "
)
_LAST_CHARACTERS = 80
_LIMITS = ("max_tokens", "max_completion_tokens")
_CONSTRAINING = ("response_format", "grammar", "json_schema", "output_format", "structured_outputs")
"""Fields that constrain a whole answer: what continues one would have to begin another."""

_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


class _Role(msgspec.Struct, gc=False):
    role: str | None = None


_role = msgspec.json.Decoder(_Role)


@dataclass(frozen=True, slots=True)
class Continuation:
    """``unsent`` is whitespace at the end of the text so far that the body leaves out; ``limit`` the output tokens
    it asks for, None where the call gives no limit."""

    body: bytes
    unsent: str = ""
    limit: int | None = None


def several_choices(body: bytes) -> bool:
    """Whether a call asks for more than one answer, or for its prompt back: not to be continued."""
    fields = _fields(body)
    return any(bytes(fields[name]) not in (b"1", b"null") for name in ("n", "best_of") if name in fields) or (
        "echo" in fields and bytes(fields["echo"]) == b"true"
    )


def continuation(operation: str, body: bytes, text: str, tokens: int, way: str) -> Continuation | None:
    """The body that asks for what follows ``text`` in this ``way``."""
    fields = _fields(body)
    if way == "restart":
        return Continuation(body, limit=_limit(fields))
    if not text or _is_constrained(fields):
        return None
    changes = _limits(fields, tokens)
    limit = min((int(value) for value in changes.values()), default=None)
    if operation == "completions":
        if way != "prefill" or "prompt" not in fields or "suffix" in fields:
            return None
        prompt = msgspec.json.decode(fields["prompt"])
        if isinstance(prompt, list) and len(prompt) == 1:
            prompt = prompt[0]
        if not isinstance(prompt, str):
            return None
        return Continuation(splice(body, changes | {"prompt": msgspec.json.encode(prompt + text)}), limit=limit)
    try:
        messages = _list.decode(fields["messages"])
    except (KeyError, msgspec.DecodeError):
        return None
    unsent = ""
    if operation == "messages":  # whitespace at the end of a last message of the assistant is refused there
        shown = text.rstrip()
        unsent, text = text[len(shown) :], shown
        if not text:
            return None
    answered = _with_answer(messages, text)
    if answered is None:
        return None
    if way == "instruction":
        asked = INSTRUCTION + repr(text[-_LAST_CHARACTERS:])
        answered.append(msgspec.Raw(msgspec.json.encode({"role": "user", "content": asked})))
    elif way == "prefill_flagged":
        changes |= {"continue_final_message": b"true", "add_generation_prompt": b"false"}
    return Continuation(splice(body, changes | {"messages": msgspec.json.encode(answered)}), unsent, limit)


def _fields(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _top.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _is_constrained(fields: dict[str, msgspec.Raw]) -> bool:
    for name in _CONSTRAINING:
        if name in fields and bytes(fields[name]) != b"null" and b'"text"' not in bytes(fields[name])[:24]:
            return True
    return any(name.startswith("guided_") for name in fields)


def _limit(fields: dict[str, msgspec.Raw]) -> int | None:
    given = [int(bytes(fields[name])) for name in _LIMITS if name in fields and bytes(fields[name]).isdigit()]
    return min(given, default=None)


def _limits(fields: dict[str, msgspec.Raw], tokens: int) -> dict[str, bytes]:
    """The limits on output tokens, less those that are out already."""
    return {
        name: b"%d" % max(int(bytes(fields[name])) - tokens, 1)
        for name in _LIMITS
        if name in fields and bytes(fields[name]).isdigit()
    }


def _with_answer(messages: list[msgspec.Raw], text: str) -> list[msgspec.Raw] | None:
    """The messages with ``text`` as the assistant's last: joined to the caller's own, where it ends with one. None
    where the last is nothing that text could be joined to."""
    messages = list(messages)
    try:
        is_joined = bool(messages) and _role.decode(messages[-1]).role == "assistant"
    except msgspec.DecodeError:
        return None
    if is_joined:
        last: dict[str, Any] = msgspec.json.decode(messages.pop())
        content = last.get("content") or ""
        if isinstance(content, list):
            last["content"] = [*content, {"type": "text", "text": text}]
        elif isinstance(content, str):
            last["content"] = content + text
        else:
            return None
    else:
        last = {"role": "assistant", "content": text}
    messages.append(msgspec.Raw(msgspec.json.encode(last)))
    return messages
