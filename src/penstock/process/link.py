"""Questions and answers between two processes over a stream: one JSON object a line, both sides may ask.

Enters: ``ask(name, value)``. Leaves: the answer of the other side's function of that name. Fails with LinkError when
the other side is gone, is silent too long, or its function failed.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from penstock.core.tasks import Crew

log = logging.getLogger("penstock")

MAX_LINE_BYTES = 64 * 1024 * 1024

Answers = Mapping[str, Callable[[Any], Awaitable[Any]]]


class LinkError(Exception):
    """The other side did not answer."""


class Link:
    """One end. ``run`` reads until the stream ends."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: Answers, crew: Crew
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answers = answers
        self._crew = crew
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
            self._send({"ask": name, "n": number, "value": value})
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
                self._take(msgspec.json.decode(line))
        except (OSError, ValueError, asyncio.LimitOverrunError) as error:
            log.debug("a link broke: %s", error)
        finally:
            self.close()

    def _take(self, message: dict[str, Any]) -> None:
        number = message["n"]
        if "ask" in message:
            self._crew.spawn(self._answer(number, message["ask"], message["value"]), f"answer {message['ask']}")
            return
        waiting = self._asked.get(number)
        if waiting is None or waiting.done():
            return
        if "failed" in message:
            waiting.set_exception(LinkError(message["failed"]))
        else:
            waiting.set_result(message["answer"])

    async def _answer(self, number: int, name: str, value: Any) -> None:
        try:
            self._send({"n": number, "answer": await self._answers[name](value)})
        except Exception as error:
            log.warning("the question %s failed", name, exc_info=True)
            self._send({"n": number, "failed": f"{name}: {error}"})

    def _send(self, message: dict[str, Any]) -> None:
        if not self.closed:
            self._writer.write(msgspec.json.encode(message) + b"\n")

    def close(self) -> None:
        """End the link; who still waits is told."""
        self.closed = True
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(LinkError("the other side is gone"))
        self._writer.close()

    def __repr__(self) -> str:
        return f"<Link {'closed' if self.closed else 'open'}, {len(self._asked)} questions out>"
