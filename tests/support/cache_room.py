"""The cache room over an upstream that counts, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from penstock.cache.config import CacheConfig
from penstock.cache.exact import ExactCache
from penstock.cache.stage import Cache
from penstock.cache.store import Shelf
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Whole, collect
from penstock.wire import openai_chat
from tests.support.caching import JSON, answer, served, shelf

SSE = [(b"content-type", b"text/event-stream")]
FRAMES = list(openai_chat.stream("c", "m-1", 1, ["one ", "two"]))


class Rig:
    """A room over an upstream that counts."""

    def __init__(self, semantic: Any = None, on: Shelf | None = None, **fields: Any) -> None:
        self.shelf = on or shelf(**fields)
        self.config = CacheConfig(**fields)
        room = ExactCache if semantic is None else Cache
        self.room = room(self.shelf, self.config, self.bind, lambda upstream: (0.0, 0.0), lambda: 0.0, semantic)
        self.asked = 0
        self.answer: Callable[[Exchange], Reply] = lambda one: (
            Reply(200, [*SSE], Whole(*FRAMES), events=True)
            if one.call.stream
            else Reply(200, [(b"content-type", JSON), (b"x-upstream", b"1")], answer(f"answer {self.asked}").data)
        )
        self.shape = b""

    def bind(self, model: str) -> tuple[str, bytes] | None:
        return (model, self.shape) if model != "unknown" else None

    async def next(self, one: Exchange) -> Reply:
        self.asked += 1
        served(one)
        return self.answer(one)

    def ask(self, one: Exchange, outcome: str = "ok") -> tuple[Reply, bytes]:
        """Send it through, read the reply, and end the exchange."""

        async def main() -> tuple[Reply, bytes]:
            reply = await self.room(one, self.next)
            one.status = reply.status
            frames: list[bytes] = []
            taps = list(reply.taps)
            reply.taps.clear()
            body = reply.body
            if not isinstance(body, bytes):
                reply.through(lambda source: source)
                body = await collect(_Tapped(reply.body, taps), 10**7)  # type: ignore[arg-type]
            frames.append(body)
            one.finish(outcome, 1001.0)
            return reply, b"".join(frames)

        return asyncio.run(main())


class _Tapped:
    def __init__(self, source: Any, taps: list[Callable[[bytes], None]]) -> None:
        self._source, self._taps, self._sink = source, taps, None

    def start(self, sink: Any) -> None:
        self._sink = sink
        self._source.start(self)

    def push(self, frame: bytes) -> None:
        for tap in self._taps:
            tap(frame)
        self._sink.push(frame)  # type: ignore[union-attr, attr-defined]

    def end(self, error: Any) -> None:
        self._sink.end(error)  # type: ignore[union-attr, attr-defined]

    def pause(self) -> None:
        self._source.pause()

    def resume(self) -> None:
        self._source.resume()

    def cancel(self, reason: str) -> None:
        self._source.cancel(reason)
