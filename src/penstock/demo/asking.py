"""A caller: asks over HTTP, notes when each word came. Fails never: what went wrong is in the answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CALL_SECONDS = 60.0
MOST_BYTES = 8 * 1024 * 1024


@dataclass
class Answer:
    """``stamps``: seconds after the call at which words came. ``story``: what the gateway notes in a stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    body: bytes = b""
    whole: bool = False
    seconds: float = 0.0
    stamps: list[float] = field(default_factory=list)
    story: str = ""

    @property
    def first(self) -> float:
        """Seconds to the first word; to the end, where there was no stream."""
        return self.stamps[0] if self.stamps else self.seconds

    @property
    def well(self) -> bool:
        return self.status == 200 and self.whole

    def value(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def chat(
    port: int, question: str, *, stream: bool = True, words: int = 40, model: str = "demo",
    on_word: Callable[[Answer], None] | None = None, **more: Any,
) -> Answer:  # fmt: skip
    """Ask a question. ``on_word`` is called at each word of a stream, with what has come so far."""
    asked = {
        "model": model, "max_tokens": words, "stream": stream, "messages": [{"role": "user", "content": question}],
        **more,
    }  # fmt: skip
    answer = await ask(port, "POST", "/v1/chat/completions", asked, on_word)
    if answer.status == 200 and not stream:
        with contextlib.suppress(ValueError, LookupError, TypeError):
            answer.text = answer.value()["choices"][0]["message"]["content"]
            answer.whole = True
    return answer


async def ask(
    port: int, method: str, path: str, value: Any = None, on_word: Callable[[Answer], None] | None = None
) -> Answer:
    """One call on a connection of its own."""
    body = b"" if value is None else json.dumps(value).encode()
    head = f"{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer, began = Answer(), time.monotonic()
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        async with asyncio.timeout(CALL_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MOST_BYTES)
            try:
                writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                await _read(reader, answer, began, on_word)
            finally:
                writer.close()
    answer.seconds = time.monotonic() - began
    return answer


async def _read(
    reader: asyncio.StreamReader, answer: Answer, began: float, on_word: Callable[[Answer], None] | None
) -> None:
    status, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    answer.status = int(status.split()[1])
    answer.headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields) if name}
    if "text/event-stream" not in answer.headers.get("content-type", ""):
        answer.body = await reader.read(MOST_BYTES)
        answer.whole = True
        return
    while line := await reader.readline():
        if line.startswith(b":") and line.strip() != b":":
            answer.story = line[1:].decode(errors="replace").strip()
        elif line.startswith(b"data: [DONE]"):
            answer.whole = True
        elif line.startswith(b"data: {"):
            pieces = [one["delta"].get("content") for one in json.loads(line[6:]).get("choices", []) if "delta" in one]
            if text := "".join(piece for piece in pieces if piece):
                answer.text += text
                answer.stamps.append(time.monotonic() - began)
                if on_word is not None:
                    on_word(answer)


def percentile(values: list[float], share: float) -> float:
    """The value below which ``share`` of them lie; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
