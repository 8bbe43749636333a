"""Kept streams of other workers, read through the link between the processes; and the answers to their questions.

Enters: a stream's id, key and position. Leaves: its events as a Source, in batches, each asked for when the last is
taken. May fail: as the stream itself, or GatewayError when its worker does not answer.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

from penstock.core.errors import CallerError, Fail, GatewayError, UpstreamError
from penstock.core.reply import Sink, Void
from penstock.core.tasks import Crew
from penstock.resume.reader import Reader
from penstock.resume.streams import Streams

WAIT_SECONDS = 10.0
"""How long an owner holds a question for which it has nothing yet."""
BATCH_BYTES = 256 * 1024

Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class _Batch:
    """A sink that takes what is there, up to a bound, and wakes who waits for the first of it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.parts: list[bytes] = []
        self.size = 0
        self.ended = False
        self.error: Fail | None = None
        self.some = asyncio.Event()

    def push(self, frame: bytes) -> None:
        self.parts.append(frame)
        self.size += len(frame)
        if self.size >= BATCH_BYTES:
            self._reader.pause()
        self.some.set()

    def end(self, error: Fail | None) -> None:
        self.ended = True
        self.error = error
        self.some.set()


async def answer(streams: Streams, question: dict[str, Any], wait: float = WAIT_SECONDS) -> dict[str, Any]:
    """What another worker asked about a stream of ours: its next events, or that it should end."""
    try:
        kept = streams.find(question["id"], question["key"])
        if question["end"]:
            kept.discard("ended by its caller")
            return {"ended": True}
        reader = kept.reader(question["after"])
    except Fail as fail:
        return {"failed": plain_of(fail)}
    streams.resumed += question["first"]
    batch = _Batch(reader)
    reader.start(batch)
    try:
        async with asyncio.timeout(wait):
            await batch.some.wait()
    except TimeoutError:
        pass
    finally:
        reader.cancel("a batch is full")
    told: dict[str, Any] = {
        "events": base64.b64encode(b"".join(batch.parts)).decode(), "after": reader.position, "ended": batch.ended,
    }  # fmt: skip
    if batch.error is not None:
        told["error"] = plain_of(batch.error)
    return told


class FarReader:
    """A Source over a stream of another worker."""

    def __init__(self, ask: Ask, crew: Crew, id: str, key: str, after: int) -> None:
        self._ask = ask
        self._crew = crew
        self._id = id
        self._key = key
        self._after = after
        self._sink: Sink | None = None
        self._held: bytes = b""
        self._ending: tuple[Fail | None] | None = None
        self._paused = self._flowing = False
        self._asking: asyncio.Task[None] | None = None
        self._first = True

    async def open(self) -> None:
        """Ask for the first batch. Raises Fail when there is no such stream for this key."""
        await self._fetch()
        if not self._held and self._ending is not None and self._ending[0] is not None:
            raise self._ending[0]

    def start(self, sink: Sink) -> None:
        if self._sink is None:
            self._sink = sink
            self._flow()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._flow()

    def cancel(self, reason: str) -> None:
        self._sink = Void()
        self._held = b""
        if self._asking is not None:
            self._asking.cancel()

    def _flow(self) -> None:
        sink = self._sink
        if sink is None or self._flowing or self._halted():
            return
        if self._held:
            held, self._held = self._held, b""
            self._flowing = True
            sink.push(held)
            self._flowing = False
            if self._halted():
                return
        if self._ending is not None:
            self._sink = Void()
            sink.end(self._ending[0])
        elif self._asking is None:
            self._asking = self._crew.spawn(self._next(), "far stream")

    def _halted(self) -> bool:
        """Whether the sink paused us, or cancelled, while it took a frame."""
        return self._paused or isinstance(self._sink, Void)

    async def _next(self) -> None:
        await self._fetch()
        self._asking = None
        self._flow()

    async def _fetch(self) -> None:
        question = {"id": self._id, "key": self._key, "after": self._after, "first": self._first, "end": False}
        self._first = False
        try:
            told = await self._ask(question)
        except Exception as error:
            self._ending = (
                GatewayError(f"the worker that keeps this stream does not answer: {error}", code="owner_silent"),
            )
            return
        if "failed" in told:
            self._ending = (fail_of(told["failed"]),)
            return
        self._held = base64.b64decode(told["events"])
        self._after = told["after"]
        if told["ended"]:
            self._ending = (fail_of(told["error"]) if "error" in told else None,)

    def __repr__(self) -> str:
        return f"<FarReader of {self._id} after {self._after}>"


def plain_of(fail: Fail) -> dict[str, Any]:
    """A Fail as plain values, for ``fail_of``."""
    return {
        "message": fail.message, "status": fail.status, "code": fail.code, "fault": fail.fault, "quoted": fail.quoted,
    }  # fmt: skip


def fail_of(told: dict[str, Any]) -> Fail:
    """The Fail that another worker told of."""
    kind = {"caller": CallerError, "upstream": UpstreamError}.get(told["fault"], GatewayError)
    return kind(told["message"], status=told["status"], code=told["code"], quoted=told.get("quoted", ""))
