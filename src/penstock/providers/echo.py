"""The built-in model ``echo``: answers with the last thing the user said. Deterministic, in process, for trials.

Enters: a call in any dialect here. Leaves: a Reply of that dialect, streamed at a set pace or at once. Fails with
CallerError for a body it cannot read.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Iterator

from penstock.core.call import Call, Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Sink
from penstock.wire import (
    anthropic_messages,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)
from penstock.wire.counts import Usage
from penstock.wire.prompts import last_user_text

SERVED = frozenset({"chat", "completions", "embeddings", "responses", "messages", "count_tokens"})
DIMENSIONS = 64
MOST_NUMBERS = 1 << 20
"""In the vectors of one call: they are made while everybody else waits."""
CREATED = 1_700_000_000
"""Answers are the same for the same question, so their date is too."""

_PIECE = re.compile(r"\s*\S+\s*|\s+")
_JSON: Headers = [(b"content-type", b"application/json")]
_EVENTS: Headers = [(b"content-type", b"text/event-stream; charset=utf-8")]


class Echo:
    """See the module. ``tokens_per_second`` 0 is as fast as it goes."""

    def __init__(self, now: Callable[[], float] = time.monotonic, *, tokens_per_second: float = 0.0) -> None:
        self._now = now
        self._pace = tokens_per_second

    def serves(self, call: Call) -> bool:
        """Chat, completions, embeddings, responses, messages and their token count."""
        return call.operation.name in SERVED

    async def send(self, exchange: Exchange, model: str) -> Reply:
        """Answer the call."""
        call = exchange.call
        name = call.operation.name
        if name == "embeddings":
            return _embeddings(exchange, model)
        text = last_user_text(call.body, name)
        pieces = _PIECE.findall(text)
        asked = count(call.body.decode("utf-8", "replace"))
        if name == "count_tokens":
            return Reply(200, list(_JSON), anthropic_messages.token_count(asked))
        finish = "stop"
        if call.max_tokens is not None and len(pieces) > call.max_tokens:
            pieces, finish = pieces[: call.max_tokens], "length"
        usage = Usage(prompt_tokens=asked, completion_tokens=len(pieces))
        exchange.tokens_in, exchange.tokens_out = usage.prompt_tokens, usage.completion_tokens
        if not call.stream:
            return Reply(200, list(_JSON), whole(call, model, "".join(pieces), usage, finish))
        frames = stream(call, model, pieces, usage, finish, told=call.usage_wanted or exchange.usage_passes)
        return Reply(200, list(_EVENTS), PacedFrames(frames, 1.0 / self._pace if self._pace else 0.0), events=True)

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def __repr__(self) -> str:
        return f"<Echo {self._pace:g} tokens/s>"


def count(text: str) -> int:
    """Tokens as echo counts them: words."""
    return len(text.split())


def answer_id(prefix: str, body: bytes) -> str:
    """The same id for the same question."""
    return prefix + hashlib.sha256(body).hexdigest()[:24]


def whole(call: Call, model: str, text: str, usage: Usage, finish: str) -> bytes:
    """The whole answer in the call's dialect."""
    name = call.operation.name
    if name == "messages":
        stop = "end_turn" if finish == "stop" else "max_tokens"
        return anthropic_messages.message(answer_id("msg_", call.body), model, text, usage, stop)
    if name == "responses":
        return openai_responses.response(answer_id("resp_", call.body), model, CREATED, text, usage, finish)
    if name == "completions":
        return openai_completions.completion(answer_id("cmpl-", call.body), model, CREATED, text, usage, finish)
    return openai_chat.completion(answer_id("chatcmpl-", call.body), model, CREATED, text, usage, finish)


def stream(call: Call, model: str, pieces: list[str], usage: Usage, finish: str, *, told: bool) -> Iterator[bytes]:
    """The answer's events in the call's dialect; ``told``: with usage, where a stream tells it only when asked."""
    name = call.operation.name
    if name == "messages":
        stop = "end_turn" if finish == "stop" else "max_tokens"
        return anthropic_messages.stream(answer_id("msg_", call.body), model, pieces, usage, stop)
    if name == "responses":
        return openai_responses.stream(answer_id("resp_", call.body), model, CREATED, pieces, usage, finish)
    asked = usage if told else None
    if name == "completions":
        return openai_completions.stream(answer_id("cmpl-", call.body), model, CREATED, pieces, asked, finish)
    return openai_chat.stream(answer_id("chatcmpl-", call.body), model, CREATED, pieces, asked, finish)


def _embeddings(exchange: Exchange, model: str) -> Reply:
    request = openai_embeddings.request(exchange.call.body)
    texts, size = request.texts, request.dimensions or DIMENSIONS
    if len(texts) * size > MOST_NUMBERS:
        raise CallerError(
            f"echo makes at most {MOST_NUMBERS} numbers a call; send fewer inputs, or ask for fewer dimensions",
            code="invalid_value", param="input",
        )  # fmt: skip
    vectors = [vector(text, size) for text in texts]
    usage = Usage(prompt_tokens=sum(count(text) for text in texts))
    exchange.tokens_in = usage.prompt_tokens
    return Reply(200, list(_JSON), openai_embeddings.embeddings_list(model, vectors, usage, request.encoding_format))


def vector(text: str, size: int) -> list[float]:
    """A unit vector of ``size`` numbers that depends on the text alone."""
    raw = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(size)
    numbers = [byte - 127.5 for byte in raw]
    norm = sum(number * number for number in numbers) ** 0.5
    return [number / norm for number in numbers]


class PacedFrames:
    """A Source over an iterator of frames, ``gap`` seconds apart (0: as fast as the sink takes them)."""

    __slots__ = ("_frames", "_gap", "_loop", "_paused", "_pushing", "_sink", "_state", "_timer")

    def __init__(self, frames: Iterator[bytes], gap: float) -> None:
        self._pushing = False
        self._frames = frames
        self._gap = gap
        self._sink: Sink | None = None
        self._paused = False
        self._state = "new"
        self._timer: asyncio.TimerHandle | None = None

    def start(self, sink: Sink) -> None:
        if self._state == "new":
            self._state = "open"
            self._sink = sink
            self._loop = asyncio.get_running_loop()
            self._run()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self._state == "open" and self._timer is None and not self._pushing:
                self._run()

    def cancel(self, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._let_go()

    def _let_go(self) -> None:
        """It is over: what it refers to refers to it, and would wait for the collector."""
        self._state = "done"
        self._sink = self._timer = None
        self._frames = iter(())

    def _run(self) -> None:
        self._timer = None
        sink = self._sink
        assert sink is not None
        while self._state == "open" and not self._paused:
            frame = next(self._frames, None)
            if frame is None:
                self._let_go()
                sink.end(None)
                return
            self._pushing = True
            sink.push(frame)
            self._pushing = False
            if self._gap and self._state == "open":
                self._timer = self._loop.call_later(self._gap, self._run)
                return

    def __repr__(self) -> str:
        return f"<PacedFrames {self._state} each {self._gap:g} s>"
