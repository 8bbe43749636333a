"""Upstreams in this process whose streams halt after so many words, until a test lets them go on or cuts them."""

from __future__ import annotations

from typing import Any

from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.routing.targets import Target
from tests.support.numbered import CUT, Frames, Numbered


class Stepped(Frames):
    """Frames of which so many may come now; ``cut``: it breaks after those."""

    def __init__(self, frames: list[bytes], now: int) -> None:
        super().__init__(frames[:now], ends=False)
        self.rest = frames[now:]

    def go(self) -> None:
        """The rest may come."""
        self.frames += self.rest
        self.rest = []
        self.ends = True
        if not self.paused:
            self.resume()

    def cut(self) -> None:
        """It breaks, also while it is paused."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.end(CUT)


class Halting(Numbered):
    """Its streams halt after ``words`` words."""

    def __init__(self, name: str, words: int, **more: Any) -> None:
        super().__init__(name, **more)
        self.words = words
        self.halted: list[Stepped] = []

    async def send(self, exchange: Exchange, model: str) -> Reply:
        reply = await super().send(exchange, model)
        if isinstance(reply.body, Frames):
            frames = reply.body.frames
            now = len(self._first(frames, self.words))
            reply.body = Stepped(frames, now)
            self.halted.append(reply.body)
        return reply


def halting(name: str, words: int, *, kind: str = "llamacpp", **more: Any) -> Target:
    return Target(name, Halting(name, words, **more), 1, kind)


def its(target: Target) -> Halting:
    provider: Any = target.provider
    return provider  # type: ignore[no-any-return]
