"""One connection to a Redis server: made when needed, made anew after it broke, after a pause that doubles.

Enters: commands. Leaves: their replies, an exception in place of each that was refused. Fails with OSError while the
server is away, within bounded time, also when it is there and says nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from penstock.store.redis.commands import OLDEST_MAJOR, Command, incarnation_command, version_in

CONNECT_SECONDS = 1.5
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0


class TooOld(OSError):
    """The server is of a version that lacks what is needed."""


class Address:
    """Where the server is, how to greet it, and which incarnation of it was met."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        self.name = f"{parts.hostname}:{parts.port or 6379}"
        self.incarnation = ""
        self.emptied = 0
        self.answers = 0

    def client(self, seconds: float) -> Any:
        """A client that makes one connection and never tries again by itself."""
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        client = Redis.from_url(
            self._url,
            protocol=2,
            single_connection_client=True,
            socket_timeout=seconds,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            client_name="penstock",
        )
        client.response_callbacks.clear()  # replies as the server gives them
        return client

    def met(self, incarnation: str) -> None:
        """The server says which one it is."""
        if incarnation != self.incarnation:
            self.emptied += bool(self.incarnation)
            self.incarnation = incarnation

    def __repr__(self) -> str:
        return f"<Address {self.name} incarnation {self.incarnation or 'unknown'}>"


class Line:
    """See the module. One caller at a time. ``seconds``: how long a reply may take."""

    def __init__(self, address: Address, now: Callable[[], float], seconds: float) -> None:
        self._address = address
        self._now = now
        self._seconds = seconds
        self._client: Any = None
        self._pause = 0.0
        self._retry_at = (0.0, 0.0)
        self._answers = 0
        self.trouble = ""

    @property
    def rests(self) -> float:
        """Seconds until the next try may be made; 0 when it may, or none is needed. Soon, when another line is well."""
        if self._client is not None:
            return 0.0
        return max(0.0, self._retry_at[self._answers == self._address.answers] - self._now())

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Send ``commands`` together. Raises OSError; then the connection is closed."""
        if self.rests:
            raise OSError(self.trouble)
        try:
            if self._client is None:
                await self._connect()
            replies = await self._sent(self._client, commands)
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError  # asyncio.wait_for of Python 3.11 swallows it where a reply came meanwhile
            self._address.answers += 1
            return replies
        except asyncio.CancelledError:
            await self.aclose()
            raise
        except Exception as error:
            await self._broken(error)
            raise error if isinstance(error, TooOld) else OSError(self.trouble) from None

    async def _sent(self, client: Any, commands: Sequence[Command]) -> list[Any]:
        pipeline = client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        async with asyncio.timeout(self._seconds + CONNECT_SECONDS):
            return list(await pipeline.execute(raise_on_error=False))

    async def _connect(self) -> None:
        from redis.exceptions import ResponseError

        client = self._client = self._address.client(self._seconds)
        candidate = secrets.token_hex(8)
        info, kept = await self._sent(client, [("INFO", "server"), incarnation_command(candidate)])
        if isinstance(info, bytes):
            refuse_old(info.decode("utf-8", "replace"))
        if isinstance(kept, ResponseError):
            raise kept
        self._address.met(candidate if kept is None else kept.decode("latin-1"))
        self._pause, self.trouble = 0.0, ""

    async def ask_incarnation(self) -> None:
        """See whether the server was emptied. Raises OSError."""
        candidate = secrets.token_hex(8)
        (kept,) = await self.run([incarnation_command(candidate)])
        if kept is None or isinstance(kept, bytes):
            self._address.met(candidate if kept is None else kept.decode("latin-1"))

    async def _broken(self, error: Exception) -> None:
        await self.aclose()
        said = str(error) or type(error).__name__
        self.trouble = f"redis at {self._address.name}: {said}"
        self._pause = min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, 2 * self._pause))
        self._answers = self._address.answers
        now = self._now()
        self._retry_at = now + FIRST_PAUSE_SECONDS, now + self._pause * random.uniform(0.7, 1.0)

    async def aclose(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(0.5):
                    await client.aclose()

    def __repr__(self) -> str:
        return f"<Line to {self._address.name}, {self.trouble or 'well'}>"


def refuse_old(info: str) -> None:
    """Raises TooOld for what INFO says of an old server."""
    major, version = version_in(info)
    if 0 < major < OLDEST_MAJOR:
        raise TooOld(f"the server is Redis {version}; Penstock needs Redis or Valkey {OLDEST_MAJOR} or newer")
