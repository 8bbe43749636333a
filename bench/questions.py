"""Questions whose right answers are known: an upstream that tells them, callers that check them, a gateway between.

An answer names its question and is of a length of its own, so that half an answer, or another's, is told from the right
one. Enters: questions. Leaves: what was told. Only loopback addresses; a call that gets nothing ends after some time.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

from bench.listening import listening
from penstock.edge.ids import worker_of

MODEL = "m"
CALL_SECONDS = 20.0
PIECES = 4
PIECE_SECONDS = 0.002
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_FACTS: dict[str, Any] = {"id": "chatcmpl-1", "created": 7, "model": MODEL}
_USAGE = {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}
_JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_EVENTS_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"


def right(question: str) -> str:
    """The one right answer: 60 to 2,000 characters that no other question has."""
    digest = hashlib.sha256(question.encode()).hexdigest()
    return f"{question} is answered by {digest * (1 + int(digest[:2], 16) // 9)}, and no more of {question}"


class Upstream(asyncio.Protocol):
    """One connection of a model server that knows all answers. ``asked`` counts questions."""

    def __init__(self, asked: Counter[str]) -> None:
        self._asked = asked
        self._got = b""
        self._old = False  # a caller of HTTP/1.0 knows no chunks, and waits for the end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, body = self._got.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        wanted = int(length[1]) if length is not None else 0
        if not blank or len(body) < wanted:
            return
        self._got = body[wanted:]
        self._old = b" HTTP/1.0\r\n" in head + b"\r\n"
        if head.startswith(b"GET"):
            self._whole({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
            return
        asked = json.loads(body[:wanted])
        question = asked["messages"][-1]["content"]
        self._asked[question] += 1
        if asked.get("stream"):
            self._transport.write(_EVENTS_HEAD + (b"\r\n" if self._old else b"transfer-encoding: chunked\r\n\r\n"))
            self._step(right(question), 0)
        else:
            message = {"role": "assistant", "content": right(question)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._whole(_FACTS | {"object": "chat.completion", "choices": [choice], "usage": _USAGE})

    def _whole(self, told: dict[str, Any]) -> None:
        data = json.dumps(told).encode()
        self._transport.write(_JSON_HEAD % len(data) + data)
        self._end()

    def _step(self, text: str, turn: int) -> None:
        """Piece after piece, with some time between, in which a gateway may die."""
        if self._transport.is_closing():
            return
        share = -(-len(text) // PIECES)
        chunk = _FACTS | {"object": "chat.completion.chunk"}
        if turn < PIECES:
            piece = {"content": text[turn * share : (turn + 1) * share]}
            self._event(json.dumps(chunk | {"choices": [{"index": 0, "delta": piece, "finish_reason": None}]}))
            asyncio.get_running_loop().call_later(PIECE_SECONDS, self._step, text, turn + 1)
            return
        self._event(json.dumps(chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
        self._event("[DONE]")
        self._transport.write(b"" if self._old else b"0\r\n\r\n")
        self._end()

    def _event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self._transport.write(event if self._old else b"%x\r\n%b\r\n" % (len(event), event))

    def _end(self) -> None:
        if self._old:
            self._transport.close()


@contextlib.asynccontextmanager
async def upstream(kind: type[Upstream] = Upstream) -> AsyncIterator[tuple[int, Counter[str]]]:
    """One in this process: its port, and how often it was asked what."""
    asked: Counter[str] = Counter()
    async with listening(lambda: kind(asked)) as port:
        yield port, asked


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one call. ``ended``: the answer says itself that this was all of it. ``status`` 0: there was none.
    ``worker``: its number, -1 where nothing told it. ``at``: when it was over."""

    status: int
    text: str
    ended: bool
    cache: str
    entry: str
    worker: int
    at: float
    body: str = ""

    @property
    def hit(self) -> bool:
        """Whether it came from the cache."""
        return self.cache.startswith("hit")


NOTHING = Told(0, "", False, "", "", -1, 0.0)


def fault(told: Told, question: str) -> str:
    """What is wrong with an answer for whoever asked ``question``; "" for the right one, whole."""
    if told.status != 200:
        return f"{question}: status {told.status}, {told.body[:200]!r}"
    expected = right(question)
    if told.ended:
        return (
            "" if told.text == expected else f"{question}: WRONG ({told.cache}): {told.text[:60]!r}…{told.text[-60:]!r}"
        )
    return f"{question}: {'cut' if expected.startswith(told.text) else 'WRONG and cut'} ({told.cache})"


async def ask(port: int, question: str, *, stream: bool = False, mode: str = "", tags: str = "") -> Told:
    """One call at temperature 0 on a connection of its own. A gateway that is away, or dies, is no error here."""
    asked = {"model": MODEL, "temperature": 0, "stream": stream, "messages": [{"role": "user", "content": question}]}
    fields = (f"x-penstock-cache: {mode}\r\n" if mode else "") + (f"x-penstock-tags: {tags}\r\n" if tags else "")
    return _told(await exchange(port, "POST", "/v1/chat/completions", json.dumps(asked).encode(), fields), stream)


async def exchange(
    port: int, method: str, path: str, body: bytes = b"", fields: str = "", kind: str = "application/json"
) -> bytes:
    """All that came back on a connection of its own; what came until then where it broke."""
    head = f"{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {kind}\r\n{fields}"
    got = bytearray()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CALL_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                while data := await reader.read(65536):
                    got += data
            finally:
                writer.close()
    return bytes(got)


def _told(got: bytes, stream: bool) -> Told:
    head, blank, body = got.partition(b"\r\n\r\n")
    if not blank:
        return NOTHING
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    status = int(lines[0].split()[1])
    worker = worker_of(fields.get("x-request-id", ""))
    text, ended = ("", False) if status != 200 else (_streamed if stream else _whole)(body)
    return Told(
        status, text, ended, fields.get("x-penstock-cache", ""), fields.get("x-penstock-cache-entry", ""),
        -1 if worker is None else worker, time.monotonic(), body[:2000].decode("utf-8", "replace"),
    )  # fmt: skip


def _whole(body: bytes) -> tuple[str, bool]:
    try:
        choice = json.loads(body)["choices"][0]
    except ValueError:
        return "", False
    return choice["message"]["content"], choice["finish_reason"] == "stop"


def _streamed(body: bytes) -> tuple[str, bool]:
    text, events = "", body.split(b"\n\n")
    for event in events[:-1]:
        if event.startswith(b"data: {"):
            told = json.loads(event[6:])
            if "error" in told:
                return text, False
            text += "".join(choice.get("delta", {}).get("content") or "" for choice in told.get("choices", ()))
    return text, b"data: [DONE]" in events


def config(upstream_port: int, store: str, **more: Any) -> dict[str, Any]:
    """A gateway that caches, in front of that upstream."""
    up = {"kind": "openai", "base_url": f"http://127.0.0.1:{upstream_port}/v1", "api_key": "sk-bench"}
    models = {MODEL: {"upstreams": ["up"]}}
    return {"auth": {"mode": "open"}, "store": store, "upstreams": {"up": up}, "models": models, **more}
