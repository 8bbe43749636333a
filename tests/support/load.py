"""A steady load on a gateway: callers that keep their connection, callers that dial anew, and streams.

async with load(port, key) as tally:
    ...  # whatever must not be noticed
assert tally.wrong == []
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.sockets import Answer, parse_answers, raw, request


@dataclass
class Tally:
    """What was answered well, by kind, and what was not."""

    good: dict[str, int] = field(default_factory=lambda: {"kept": 0, "fresh": 0, "streams": 0})
    wrong: list[str] = field(default_factory=list)


class Kept:
    """One connection that is kept: a request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def dial(cls, port: int) -> "Kept":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, data: bytes) -> Answer:
        """Send a request and read its answer, which has a length."""
        self.writer.write(data)
        head = await self._reader.readuntil(b"\r\n\r\n")
        (answer,) = parse_answers(head)
        answer.body = await self._reader.readexactly(int(answer.headers["content-length"]))
        answer.whole = True
        return answer


def chat(model: str, key: str = "", *, words: int = 1, keep: bool = False, **more: Any) -> bytes:
    """The bytes of a chat request."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "word " * words}], **more}).encode()
    bearer = [("Authorization", f"Bearer {key}")] if key else []
    return request("POST", "/v1/chat/completions", [*bearer, ("Content-Type", "application/json")], body, keep=keep)


@contextlib.asynccontextmanager
async def load(
    port: int, key: str = "", *, model: str = "m", stream_model: str = "slow", kept: int = 3, fresh: int = 2,
    streams: int = 3, words: int = 30,
) -> AsyncIterator[Tally]:  # fmt: skip
    """Runs until the block ends; what is under way then may finish."""
    tally = Tally()
    over = asyncio.Event()

    async def keep_asking() -> None:
        connection = await Kept.dial(port)
        while not over.is_set():
            answer = await connection.ask(chat(model, key, keep=True))
            _note(tally, "kept", answer.status == 200, answer)
            if answer.headers.get("connection") == "close":  # as every client of HTTP/1.1 takes it
                connection.writer.close()
                connection = await Kept.dial(port)
        connection.writer.close()

    async def dial_anew() -> None:
        while not over.is_set():
            (answer,) = parse_answers(await raw(port, chat(model, key)))
            _note(tally, "fresh", answer.status == 200 and answer.whole, answer)

    async def stream() -> None:
        while not over.is_set():
            (answer,) = parse_answers(await raw(port, chat(stream_model, key, words=words, stream=True), within=60))
            well = answer.whole and answer.body.endswith(b"data: [DONE]\n\n") and answer.body.count(b"word") == words
            _note(tally, "streams", well, answer)

    works: list[Callable[[], Awaitable[None]]] = [keep_asking] * kept + [dial_anew] * fresh + [stream] * streams
    tasks = [asyncio.ensure_future(_guarded(work, tally)) for work in works]
    try:
        yield tally
    finally:
        over.set()
        await asyncio.gather(*tasks)


def _note(tally: Tally, kind: str, well: bool, answer: Answer) -> None:
    if well:
        tally.good[kind] += 1
    else:
        tally.wrong.append(f"{kind}: {answer}")


async def _guarded(work: Callable[[], Awaitable[None]], tally: Tally) -> None:
    try:
        await work()
    except Exception as error:
        tally.wrong.append(f"{work.__name__}: {error!r}")  # type: ignore[attr-defined]
