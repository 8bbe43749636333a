"""An answer of unknown length on its way to a file.

Enters: a body. Leaves: the file, whole. May fail: OSError, and what the body fails with.
"""

from __future__ import annotations

import asyncio
import os

from penstock.core.errors import Fail
from penstock.core.reply import Source
from penstock.jobs.place.store import write_all


class Saving:
    """A Sink over the file at ``path``, which is made anew."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._source: Source | None = None
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def save(self, body: bytes | Source) -> None:
        """Wait until all of it is there."""
        try:
            if isinstance(body, bytes):
                write_all(self._file, body)
                return
            self._source = body
            body.start(self)
            try:
                await self._done
            except asyncio.CancelledError:
                body.cancel("nobody waits")
                raise
        finally:
            os.close(self._file)
            self._file = -1

    def push(self, frame: bytes) -> None:
        if self._file < 0 or self._done.done():
            return
        try:
            write_all(self._file, frame)
        except OSError as error:
            self._done.set_exception(error)
            if self._source is not None:
                self._source.cancel("no room")

    def end(self, error: Fail | None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)
