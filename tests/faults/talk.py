"""One request at the faulty upstream, and the words with which its answer is given, broken or refused.

What is said are numbered words (``w1 w2 ... wN``): after a final assistant message those that follow it, so that a
joined answer can be compared exactly.
"""

from __future__ import annotations

import json
import re
import select
import socket
import struct
import time
from typing import TYPE_CHECKING

from tests.support.scripted_upstream import EVENTS, JSON, Answer, Request

if TYPE_CHECKING:
    from tests.faults.upstream import FaultyUpstream

WORDS = 24
SENT = 5
"""How many words a stream brings before its fault."""
TEXT = " ".join(f"w{number}" for number in range(1, WORDS + 1))
HOLD_SECONDS = 8.0
INSTRUCTION = re.compile(r"continu", re.IGNORECASE)


class Talk:
    """One request being answered. ``number`` counts the requests of its fault since the last reset, from 1."""

    def __init__(self, upstream: FaultyUpstream, name: str, connection: socket.socket, request: Request) -> None:
        self.upstream = upstream
        self.name = name
        self.connection = connection
        self.asked = json.loads(request.body or b"{}")
        self.number = upstream.seen[name]
        self.stream = bool(self.asked.get("stream"))

    @property
    def prefilled(self) -> bool:
        """Whether the last message is the assistant's: the answer so far."""
        messages = self.asked.get("messages") or [{}]
        return bool(messages[-1].get("role") == "assistant")

    def pieces(self, *, prefill: bool = True, instruction: bool = False) -> list[str]:
        """What is left to say, word by word; ``instruction``: a user's word to continue is understood too."""
        messages = self.asked.get("messages") or [{}]
        said = ""
        if prefill and self.prefilled:
            said = messages[-1]["content"]
        elif instruction and len(messages) > 2 and INSTRUCTION.search(str(messages[-1]["content"])):
            said = messages[-2]["content"]
        assert TEXT.startswith(said), f"asked to continue what was never said: {said!r}"
        return re.findall(r" ?[^ ]+", TEXT[len(said) :])

    # ---- sending

    def send(self, data: bytes) -> None:
        try:
            self.connection.sendall(data)
        except OSError:
            self._aborted()
            raise

    def head(self) -> None:
        """The head of a stream."""
        self.send(Answer(headers=(EVENTS,), chunks=()).head())

    def event(self, data: str) -> None:
        self.send(_chunk(b"data: %b\n\n" % data.encode()))

    def say(self, pieces: list[str]) -> None:
        for piece in pieces:
            self.event(json.dumps(_part({"content": piece})))

    def finish(self) -> None:
        self.event(json.dumps(_part({}, "stop")))
        usage = {"prompt_tokens": 7, "completion_tokens": WORDS, "total_tokens": 7 + WORDS}
        if (self.asked.get("stream_options") or {}).get("include_usage"):
            self.event(json.dumps(_part({}) | {"choices": [], "usage": usage}))

    def done(self) -> None:
        self.event("[DONE]")
        self.send(b"0\r\n\r\n")

    def begin(self) -> None:
        """A stream up to where its fault comes."""
        self.head()
        self.say(self.pieces()[:SENT])

    def answer(self, pieces: list[str] | None = None) -> None:
        """All is well."""
        pieces = self.pieces() if pieces is None else pieces
        if self.stream:
            self.head()
            self.say(pieces)
            self.finish()
            self.done()
        else:
            self.send(Answer(body=_whole(pieces)).head() + _whole(pieces))

    def half(self) -> None:
        """The head and half the body of a whole answer."""
        body = _whole(self.pieces())
        self.send(Answer(body=body).head() + body[: len(body) // 2])

    def refuse(self, status: int, code: str, message: str = "no", **fields: str) -> None:
        body = json.dumps({"error": {"message": message, "type": "x", "param": None, "code": code}}).encode()
        headers = (JSON, *((name.replace("_", "-"), value) for name, value in fields.items()))
        self.send(Answer(status, headers, body).head() + body)

    # ---- ends

    def hold(self, seconds: float = HOLD_SECONDS) -> None:
        """Say nothing until the caller hangs up. OSError when it does."""
        if select.select([self.connection], [], [], seconds)[0]:
            self._aborted()
            raise OSError("hung up on")

    def _aborted(self) -> None:
        self.upstream.hung_up.append(time.perf_counter())
        self.upstream.aborted[self.name] += 1

    def cut(self) -> None:
        """Close without an end."""
        raise OSError("cut")

    def reset(self) -> None:
        """Close by RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise OSError("reset")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _part(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def _whole(pieces: list[str]) -> bytes:
    message = {"role": "assistant", "content": "".join(pieces)}
    usage = {"prompt_tokens": 7, "completion_tokens": WORDS, "total_tokens": 7 + WORDS}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return json.dumps(body).encode()
