"""What many calls begin with: the system prompts (and tools) seen most often. Pure.

Enters: calls as they are routed. Leaves: bodies of calls of one token, by which an engine that is new computes those
beginnings before it serves. Bounded in number and size (what is rare makes room); of a beginning that came
once only its hash is held, never a text, and never what a user said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.core.call import Call
from penstock.routing.ask import prompt_at

MOST_SEEN = 128
LEAST_BYTES = 1024
"""A shorter beginning is computed as fast as it is asked for."""
LEAST_TIMES = 2
CLASSIFIED = b"x-penstock-classification"


@dataclass(slots=True)
class _Seen:
    times: int
    model: str
    body: bytes = b""


class Commonest:
    """See the module. ``most``: how many are given for a model, 0 for none; ``longest``: of a call, in bytes."""

    def __init__(self, most: int = 0, longest: int = 64 * 1024) -> None:
        self.most = most
        self.longest = longest
        self._seen: dict[int, _Seen] = {}

    def note(self, call: Call, model: str) -> None:
        """``call`` goes to an upstream, where its model is called ``model``."""
        body = call.body
        if len(body) > self.longest or call.operation.name != "chat" or call.header(CLASSIFIED) is not None:
            return
        start = prompt_at(call)
        if start < 0 or len(body) - start < LEAST_BYTES:
            return
        key = hash((model, body[start : start + LEAST_BYTES]))
        seen = self._seen.get(key)
        if seen is None:
            while len(self._seen) >= MOST_SEEN:
                self._age()
            seen = self._seen[key] = _Seen(0, model)
        seen.times += 1
        if not seen.body and seen.times >= LEAST_TIMES:
            seen.body = beginning(body, model)

    def _age(self) -> None:
        """All count for half: what came once goes, many at a time, and what was common once does in the end."""
        for seen in self._seen.values():
            seen.times //= 2
        self._seen = {key: seen for key, seen in self._seen.items() if seen.times}

    def bodies(self, model: str) -> list[bytes]:
        """What to ask of an engine that serves ``model``, the commonest first."""
        those = [seen for seen in self._seen.values() if seen.model == model and seen.body]
        those.sort(key=lambda seen: -seen.times)
        return [seen.body for seen in those[: self.most]]

    @property
    def models(self) -> set[str]:
        """Those of whom a beginning is known."""
        return {seen.model for seen in self._seen.values() if seen.body}

    def follow(self, most: int, longest: int) -> None:
        """Other bounds from now on; with ``most`` 0 all is forgotten."""
        self.most, self.longest = most, longest
        if not most:
            self._seen.clear()

    def __repr__(self) -> str:
        return f"<Commonest {len(self._seen)} beginnings>"


def beginning(body: bytes, model: str) -> bytes:
    """A call of one token with the system prompt and the tools of the chat ``body``; nothing where it has no system
    prompt."""
    try:
        asked = msgspec.json.decode(body)
        first = asked["messages"][0]
        if first["role"] not in ("system", "developer"):
            return b""
    except (msgspec.DecodeError, LookupError, TypeError):
        return b""
    return prefill(model, first, {name: asked[name] for name in ("tools",) if name in asked})


def prefill(model: str, system: dict[str, Any], more: dict[str, Any]) -> bytes:
    """The body of a call of one token."""
    messages = [system, {"role": "user", "content": "."}]
    return msgspec.json.encode({"model": model, "messages": messages, "max_tokens": 1, "temperature": 0, **more})
