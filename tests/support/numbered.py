"""An upstream in this process whose answer is numbered words, and which fails as it is told.

It goes on from a prefill, from an instruction, or begins again, as its ``takes`` says; what it refuses is a 400.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from penstock.core.call import Call
from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Sink
from penstock.routing.targets import Target
from penstock.wire import anthropic_messages, openai_chat, openai_completions
from penstock.wire.counts import Usage

WORDS = 12
TEXT = " ".join(f"w{number}" for number in range(1, WORDS + 1))
CUT = UpstreamError("upstream closed the connection in the middle of the answer", phase="body")
REFUSED = b'{"error":{"message":"the last message must be of the user","type":"x","param":null,"code":null}}'


class Frames:
    """A Source of ``frames`` that all come at once, then ``error``; it goes on ``open`` without an end if told so."""

    def __init__(self, frames: Sequence[bytes], error: Fail | None = None, *, ends: bool = True) -> None:
        self.frames = list(frames)
        self.error = error
        self.ends = ends
        self.paused = False
        self.cancelled = ""
        self._sink: Sink | None = None
        self._busy = False

    def start(self, sink: Sink) -> None:
        self._sink = sink
        self._run()

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self._run()

    def cancel(self, reason: str) -> None:
        self.cancelled = self.cancelled or reason
        self._sink = None

    def _run(self) -> None:
        if self._busy:
            return
        self._busy = True
        while self._sink is not None and self.frames and not self.paused:
            self._sink.push(self.frames.pop(0))
        self._busy = False
        if self._sink is not None and self.ends and not self.paused:
            sink, self._sink = self._sink, None
            sink.end(self.error)


class Numbered:
    """A provider. ``script``: what each call meets in turn, the last for ever: an exception, a status, or how many
    words come before the cut (None: all). ``takes``: the ways of going on that it knows."""

    def __init__(self, name: str, *script: Any, takes: str = "prefill instruction", id: str = "") -> None:
        self.name = name
        self.script = list(script) or [None]
        self.takes = takes.split()
        self.id = id or name
        self.bodies: list[dict[str, Any]] = []
        self.sources: list[Frames] = []

    def serves(self, call: Call) -> bool:
        return True

    async def send(self, exchange: Exchange, model: str) -> Reply:
        asked = msgspec.json.decode(exchange.call.body)
        self.bodies.append(asked)
        act = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(act, Exception):
            raise act
        if isinstance(act, tuple):
            status, headers, body = act
            return Reply(status, headers, body)
        said = self._said(asked)
        if said is None:
            return Reply(400, [], REFUSED)
        frames = list(self._frames(exchange.call.operation.name, model, said))
        source = Frames(frames) if act is None else Frames(self._first(frames, act), CUT)
        self.sources.append(source)
        return Reply(200, [], source, events=True)

    def _said(self, asked: dict[str, Any]) -> str | None:
        if "prompt" in asked:
            return str(asked["prompt"]).removeprefix("count: ")
        messages = asked["messages"]
        if messages[-1]["role"] == "assistant":
            return messages[-1]["content"] if "prefill" in self.takes else None
        if len(messages) > 1 and "instruction" in self.takes:
            return str(messages[-2]["content"])
        return ""

    def _frames(self, operation: str, model: str, said: str) -> Iterator[bytes]:
        pieces = re.findall(r" ?[^ ]+", TEXT[len(said) :])
        usage = Usage(prompt_tokens=3, completion_tokens=len(pieces))
        if operation == "messages":
            return anthropic_messages.stream(f"msg_{self.id}", model, pieces, usage)
        if operation == "completions":
            return openai_completions.stream(f"cmpl-{self.id}", model, 7, pieces, usage)
        return openai_chat.stream(f"c-{self.id}", model, 7, pieces, usage)

    def _first(self, frames: list[bytes], words: int) -> list[bytes]:
        """The frames up to the ``words``-th word."""
        at = [number for number, frame in enumerate(frames) if re.search(rb'(?:content|text)":" ?w', frame)]
        return frames[: at[words]] if words < len(at) else frames[: (at[-1] if at else 0) + 1]

    async def aclose(self) -> None: ...


def numbered(name: str, *script: Any, kind: str = "llamacpp", takes: str = "prefill instruction") -> Target:
    return Target(name, Numbered(name, *script, takes=takes), 1, kind)


def upstream(target: Target) -> Numbered:
    provider: Any = target.provider
    assert isinstance(provider, Numbered)
    return provider
