"""A model server without a model: OpenAI's chats and embeddings over HTTP, with a model server's costs.

Standard library alone, so that any Python runs this file as it lies here: ``python service.py --port P``. Words come at
a pace, so many calls at once have a slot and the others wait; a last message of the assistant is continued; what is
embedded costs something a call and a little an item, one call after another. An answer depends on its question alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
from dataclasses import dataclass
from typing import Any

MODEL = "demo"
MOST_BODY_BYTES = 4 * 1024 * 1024
TEXT = (  # words and stops, a blank between each two
    "A penstock brings water from the lake to the turbine . The gate at its head opens slowly , so that no wave runs"
    " back through the pipe . When the valley needs light , the keeper lets more of it through ; at night he closes it"
    " a little , and the lake fills again . Rain upstream is told days ahead by the gauges . A second turbine is turned"
    " before the first one groans . If one stops , the water finds the other , and nobody in the valley sees the lamps"
    " flicker . The keeper writes each hour into a book , and reads in it what the next one may bring ."
)

_ENDS = (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, asyncio.LimitOverrunError)
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass
class Costs:
    """Seconds: to the first word, between words, of a call that embeds, of an item in it. ``slots``: calls at once."""

    first: float = 0.1
    gap: float = 0.02
    call: float = 0.02
    item: float = 0.0005
    slots: int = 4


def words(question: str, count: int) -> list[str]:
    """The answer to a question: always the same one."""
    all_words = TEXT.split()
    start = int.from_bytes(hashlib.sha256(question.encode()).digest()[:4], "big") % len(all_words)
    return [f"{all_words[(start + number) % len(all_words)]} " for number in range(count)]


class Server:
    """See the module. ``asked`` counts calls."""

    def __init__(self, costs: Costs) -> None:
        self.costs = costs
        self.asked = 0
        self._slots = asyncio.Semaphore(costs.slots)
        self._embeds = asyncio.Lock()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, path, *_ = head.decode("latin-1").split()
                body = await reader.readexactly(_length(head))
                await self._answer(writer, method, path.partition("?")[0], body)
                await writer.drain()
                if b" HTTP/1.0\r\n" in head or b"connection: close" in head.lower():
                    break
        except _ENDS:
            pass  # the caller has gone, or speaks something else
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes) -> None:
        if method == "GET":
            models = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
            rows: dict[str, dict[str, Any]] = {"/v1/models": models, "/asked": {"asked": self.asked}}
            writer.write(_whole(rows.get(path, {"status": "ok"})))
            return
        asked = json.loads(body)
        self.asked += 1
        if path.endswith("/embeddings"):
            await self._embed(writer, asked)
        else:
            async with self._slots:
                await self._chat(writer, asked)

    async def _embed(self, writer: asyncio.StreamWriter, asked: dict[str, Any]) -> None:
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        async with self._embeds:
            await asyncio.sleep(self.costs.call + self.costs.item * len(texts))
        rows = [
            {"object": "embedding", "index": index, "embedding": vector(str(text))} for index, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        writer.write(_whole({"object": "list", "model": MODEL, "data": rows, "usage": usage}))

    async def _chat(self, writer: asyncio.StreamWriter, asked: dict[str, Any]) -> None:
        messages = asked["messages"]
        said = str(messages[-1]["content"]) if messages[-1]["role"] == "assistant" else ""
        question = next((str(one["content"]) for one in reversed(messages) if one["role"] == "user"), "")
        most = int(asked.get("max_completion_tokens") or asked.get("max_tokens") or 40)
        done = len(said.split())
        # What is continued says how much more may come, not how much in all.
        left = words(question, done + most)[done:]
        prompt = sum(len(str(one["content"]).split()) for one in messages)
        usage = {"prompt_tokens": prompt, "completion_tokens": len(left), "total_tokens": prompt + len(left)}
        await asyncio.sleep(self.costs.first)
        if not asked.get("stream"):
            await asyncio.sleep(self.costs.gap * len(left))
            message = {"role": "assistant", "content": "".join(left)}
            writer.write(_whole(_chunk("message", message, "stop") | {"object": "chat.completion", "usage": usage}))
            return
        writer.write(_STREAM)
        for word in left:
            writer.write(_event(_chunk("delta", {"content": word}, None)))
            await writer.drain()
            await asyncio.sleep(self.costs.gap)
        writer.write(_event(_chunk("delta", {}, "stop")))
        if (asked.get("stream_options") or {}).get("include_usage"):
            writer.write(_event(_chunk("delta", {}, None) | {"choices": [], "usage": usage}))
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    def __repr__(self) -> str:
        return f"<Server {self.asked} asked>"


def vector(text: str) -> list[float]:
    """Eight numbers that depend on the text alone."""
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]]


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line[15:])
            if not 0 <= length <= MOST_BODY_BYTES:
                raise ValueError("too long")
            return length
    return 0


def _chunk(key: str, value: dict[str, str], finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, key: value, "finish_reason": finish}
    return {"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}


def _event(value: dict[str, Any]) -> bytes:
    data = b"data: %b\n\n" % json.dumps(value).encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def _whole(value: dict[str, Any]) -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def listen(costs: Costs, host: str, port: int, cold: float) -> None:
    """Listen for ever, after ``cold`` seconds in which a real one would load its model."""
    await asyncio.sleep(cold)
    server = await asyncio.start_server(Server(costs).serve, host, port)
    async with server:
        await server.serve_forever()


def main(arguments: list[str] | None = None) -> None:
    wants = argparse.ArgumentParser(description=__doc__)
    wants.add_argument("--port", type=int, required=True)
    wants.add_argument("--host", default="127.0.0.1")
    wants.add_argument("--cold", type=float, default=0.0, help="seconds before it listens")
    for name, value in vars(Costs()).items():
        wants.add_argument(f"--{name}", type=type(value), default=value)
    given = vars(wants.parse_args(arguments))
    host, port, cold = given.pop("host"), given.pop("port"), given.pop("cold")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(listen(Costs(**given), host, port, cold))


if __name__ == "__main__":
    main()
