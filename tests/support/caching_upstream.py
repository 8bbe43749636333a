"""A model server that remembers prompts: a beginning it has seen costs no time, and its usage says how much it had.

``hold`` in a prompt: it takes the call and says nothing until its caller hangs up.
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time

from tests.support.scripted_upstream import EVENTS, Answer, Request, ScriptedUpstream

SECONDS_PER_TOKEN = 0.0002
CHARACTERS_PER_TOKEN = 4


class CachingUpstream(ScriptedUpstream):
    """See the module. ``prompts``: what it was asked, in order; ``held``: calls that it keeps waiting."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.prompts: list[str] = []
        self.held = 0
        self._cache: list[str] = []
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Lose the cache, as a server that was started anew."""
        with self._lock:
            self._cache.clear()

    def _answer(self, connection: socket.socket, request: Request) -> None:
        asked = json.loads(request.body)
        prompt = "".join(message["content"] for message in asked["messages"])
        if prompt.startswith("hold"):
            self.held += 1
            select.select([connection], [], [], 10.0)
            raise OSError("hung up on")
        with self._lock:
            self.prompts.append(prompt)
            had = max((_common(prompt, one) for one in self._cache), default=0) // CHARACTERS_PER_TOKEN
            self._cache.append(prompt)
        tokens = len(prompt) // CHARACTERS_PER_TOKEN
        time.sleep((tokens - had) * SECONDS_PER_TOKEN)
        usage = {
            "prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1,
            "prompt_tokens_details": {"cached_tokens": had},
        }  # fmt: skip
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        said = chunk | {"choices": [{"index": 0, "delta": {"content": self.name}, "finish_reason": "stop"}]}
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head())
        for event in (json.dumps(said), json.dumps(chunk | {"choices": [], "usage": usage}), "[DONE]"):
            data = f"data: {event}\n\n".encode()
            connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))
        connection.sendall(b"0\r\n\r\n")


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
