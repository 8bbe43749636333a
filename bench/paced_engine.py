"""An engine that is played: chats in streams of numbered words at a set pace, so many at once, after a start that takes
its time.

Enters: POST /v1/chat/completions, GET /health and /v1/models. A chat that ends with words of the assistant is gone on
with, as vLLM does it. Who comes while all slots are taken waits. Run as ``python -m bench.paced_engine --port P``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
from typing import Any

EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
NUMBER = re.compile(r"#(\d+)")


class Engine:
    """See the module. Seconds: ``prefill`` before the first word, ``gap`` between two."""

    def __init__(self, slots: int, prefill: float, gap: float) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._prefill = prefill
        self._gap = gap

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                path = head.split(b" ", 2)[1]
                if path == b"/v1/chat/completions":
                    await self._chat(json.loads(body), reader, writer)
                else:
                    writer.write(_whole({"object": "list", "data": [{"id": "m", "object": "model"}]}))
                await writer.drain()
        writer.close()

    async def _chat(self, asked: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        last = asked["messages"][-1]
        told = NUMBER.findall(last["content"]) if last["role"] == "assistant" else []
        first = int(told[-1]) + 1 if told else 0
        words = int(asked.get("max_tokens") or asked.get("max_completion_tokens") or 16)
        async with self._slots:
            await asyncio.sleep(self._prefill)
            if not asked.get("stream"):
                await asyncio.sleep(self._gap * words)
                text = "".join(f"#{number} " for number in range(first, first + words))
                writer.write(_whole(_answer(text, words)))
                return
            writer.write(EVENTS)
            for number in range(first, first + words):
                if number > first:
                    await asyncio.sleep(self._gap)
                if reader.at_eof():
                    raise ConnectionResetError
                writer.write(_chunk(_event({"content": f"#{number} "})))
                await writer.drain()
            writer.write(_chunk(_event({}, "length")) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")


def _answer(text: str, words: int) -> dict[str, Any]:
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 8, "completion_tokens": words, "total_tokens": 8 + words},
    }  # fmt: skip


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    told = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _whole(told: dict[str, Any]) -> bytes:
    body = json.dumps(told).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def main(port: int, start: float, slots: int, prefill: float, gap: float) -> None:
    """Serve until ended."""
    await asyncio.sleep(start)
    engine = Engine(slots, prefill, gap)
    server = await asyncio.start_server(engine.serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    wants = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wants.add_argument("--port", type=int, required=True)
    wants.add_argument("--start", type=float, default=0.0, help="seconds until it serves")
    wants.add_argument("--slots", type=int, default=64, help="chats at once")
    wants.add_argument("--prefill", type=float, default=0.02, help="seconds before the first word")
    wants.add_argument("--gap", type=float, default=0.02, help="seconds between two words")
    given = wants.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(given.port, given.start, given.slots, given.prefill, given.gap))
