"""Questions and answers between two processes over a stream: one JSON object a line, both sides may ask.

Enters: ``ask(name, value)``. Leaves: the answer of the other side's function of that name. Fails with LinkError when
the other side is gone, is silent too long, or its function failed. A line that is none of ours ends the link.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from penstock.core.tasks import Crew

log = logging.getLogger("penstock")

MAX_LINE_BYTES = 64 * 1024 * 1024

Answers = Mapping[str, Callable[[Any], Awaitable[Any]]]


class LinkError(Exception):
    """The other side did not answer."""


class Message(msgspec.Struct, omit_defaults=True):
    """A line. With ``ask`` it is a question, else the answer to the one of the same number; ``failed`` says why not."""

    n: int
    ask: str | None = None
    value: Any = None
    failed: str | None = None


class Link:
    """One end. ``run`` reads until the stream ends."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: Answers, crew: Crew
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answers = answers
        self._crew = crew
        self._decode = msgspec.json.Decoder(Message).decode
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self.closed = False

    async def ask(self, name: str, value: Any = None, *, within: float = 5.0) -> Any:
        """Ask the other side, and wait ``within`` seconds for its answer."""
        if self.closed:
            raise LinkError(f"{name}: the other side is gone")
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self._send(Message(number, ask=name, value=value))
            async with asyncio.timeout(within):
                return await answer
        except TimeoutError:
            raise LinkError(f"{name}: no answer within {within:g} s") from None
        finally:
            self._asked.pop(number, None)

    async def run(self) -> None:
        """Take what comes, until the other side is gone."""
        try:
            while line := await self._reader.readline():
                self._take(self._decode(line))
        except (msgspec.MsgspecError, RecursionError) as error:
            log.warning("a link brought a line that is none of ours, and was closed: %s", error)
        except ValueError:
            log.warning("a link brought a line of over %d bytes, and was closed", MAX_LINE_BYTES)
        except OSError as error:
            log.debug("a link broke: %s", error)
        finally:
            self.close()

    def _take(self, message: Message) -> None:
        if message.ask is not None:
            self._crew.spawn(self._answer(message.n, message.ask, message.value), f"answer {message.ask}")
            return
        waiting = self._asked.get(message.n)
        if waiting is None or waiting.done():
            return  # it comes too late
        if message.failed is not None:
            waiting.set_exception(LinkError(message.failed))
        else:
            waiting.set_result(message.value)

    async def _answer(self, number: int, name: str, value: Any) -> None:
        answer = self._answers.get(name)
        if answer is None:
            self._send(Message(number, failed=f"{name}: there is no such question"))
            return
        try:
            self._send(Message(number, value=await answer(value)))
        except Exception as error:
            log.warning("the question %s failed", name, exc_info=True)
            self._send(Message(number, failed=f"{name}: {error}"))

    def _send(self, message: Message) -> None:
        line = msgspec.json.encode(message)
        if len(line) >= MAX_LINE_BYTES:
            raise LinkError(f"{len(line)} bytes are too many for a link")
        if not self.closed:
            self._writer.write(line + b"\n")

    def close(self) -> None:
        """End the link; who still waits is told."""
        self.closed = True
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(LinkError("the other side is gone"))
        self._writer.close()

    def __repr__(self) -> str:
        return f"<Link {'closed' if self.closed else 'open'}, {len(self._asked)} questions out>"


async def link_over(stream: socket.socket | str, answers: Answers, crew: Crew) -> tuple[Link, asyncio.Task[None]]:
    """A running link over a connected socket, or to the Unix socket of that path. Its task ends with the stream."""
    if isinstance(stream, str):
        reader, writer = await asyncio.open_unix_connection(stream, limit=MAX_LINE_BYTES)
    else:
        reader, writer = await asyncio.open_unix_connection(sock=stream, limit=MAX_LINE_BYTES)
    link = Link(reader, writer, answers, crew)
    return link, crew.spawn(link.run(), "link")
