"""The threads of the SQLite store: one writes what is queued, batch by batch, one reads. The loop never waits for them.

Enters: writes, questions, from the loop's thread. Leaves: what came of them, told on the loop's thread. A file that is
damaged is moved aside; what the disk does not take is lost, and tried again with the next batch.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.core.stored import Missed
from penstock.store.asked import Question, Write
from penstock.store.backlog import Backlog
from penstock.store.sqlite.file import Marks, is_damage
from penstock.store.sqlite.place.store import Place
from penstock.store.sqlite.statements import Damaged, Writing, answer

if TYPE_CHECKING:
    import asyncio
    import sqlite3

BATCH_WRITES = 1000
BATCH_BYTES = 8 * 2**20
PAUSE_SECONDS = 1.0
"""After a failure, before the next try."""
TIDY_SECONDS = 30.0


class Held:
    """One thread's connection, opened anew when the file was replaced, and after a failure."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connection: sqlite3.Connection | None = None
        self._marks: Marks | None = None
        self.writing: Writing | None = None

    def connection(self) -> sqlite3.Connection:
        """Raises OSError and sqlite3.Error."""
        if self._connection is not None and self._marks is not None and self._place.has(self._marks):
            return self._connection
        self.close()
        self._connection, self._marks = self._place.open()
        self.writing = Writing(self._connection)
        return self._connection

    def failed(self, error: BaseException) -> bool:
        """``error`` came of it: let go. Returns whether the file was damaged and another try is worth while."""
        marks = self._marks
        self.close()
        if marks is None or not is_damage(error):
            return False
        self._place.damaged(marks, error)
        return True

    def close(self) -> None:
        connection, self._connection = self._connection, None
        self._marks = self.writing = None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()


class Writer(threading.Thread):
    """Writes batches. ``settled(batch, results or OSError)`` is called on the loop's thread."""

    def __init__(
        self,
        place: Place,
        loop: asyncio.AbstractEventLoop,
        settled: Callable[[list[Write], list[Any] | OSError], None],
        wall: Callable[[], float],
    ) -> None:
        super().__init__(name="store-writer", daemon=True)  # a disk that hangs must not keep the process from ending
        self._held = Held(place)
        self._loop = loop
        self._settled = settled
        self._wall = wall
        self._changed = threading.Condition()
        self._stopping = False
        self._tidy_at = 0.0
        self.backlog = Backlog()

    def offer(self, write: Write) -> bool:
        """Queue ``write``; False when there is no room."""
        with self._changed:
            taken = not self._stopping and self.backlog.offer(write)
            if len(self.backlog) == 1:
                self._changed.notify()
            return taken

    def stop(self) -> None:
        """Write what is queued, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def run(self) -> None:
        """The thread."""
        while True:
            with self._changed:
                if not self.backlog and not self._stopping:
                    self._changed.wait(max(0.0, self._tidy_at - time.monotonic()))
                batch = self.backlog.take(BATCH_WRITES, BATCH_BYTES)
                ending = self._stopping and not batch
            if ending:
                break
            if batch and not self._write(batch):
                self._pause()
            if time.monotonic() >= self._tidy_at:
                self._tidy()
        self._held.close()

    def _write(self, batch: list[Write]) -> bool:
        results: list[Any] | OSError
        for last_try in (False, True):
            try:
                self._held.connection()
                assert self._held.writing is not None
                results = self._held.writing.transact(batch, self._wall())
                break
            except Exception as error:
                results = error if isinstance(error, OSError) else OSError(f"{error}")
                if not self._damaged(error) or last_try:
                    break
        self._tell(batch, results)
        return not isinstance(results, OSError)

    def _damaged(self, error: BaseException) -> bool:
        try:
            return self._held.failed(error)
        except OSError:
            return False

    def _pause(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, PAUSE_SECONDS)

    def _tidy(self) -> None:
        self._tidy_at = time.monotonic() + TIDY_SECONDS
        try:
            self._held.connection()
            assert self._held.writing is not None
            if self._held.writing.tidy(self._wall()):
                self._tidy_at = time.monotonic() + 0.05
        except Exception as error:
            self._damaged(error)

    def _tell(self, batch: list[Write], results: list[Any] | OSError) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._settled, batch, results)


class Reader(threading.Thread):
    """Answers questions, one after the other. ``replied(future, answer or error)`` is called on the loop's thread."""

    def __init__(
        self,
        place: Place,
        loop: asyncio.AbstractEventLoop,
        replied: Callable[[asyncio.Future[Any], Any], None],
        wall: Callable[[], float],
    ) -> None:
        super().__init__(name="store-reader", daemon=True)
        self._held = Held(place)
        self._loop = loop
        self._replied = replied
        self._wall = wall
        self._changed = threading.Condition()
        self._asked: deque[tuple[Question, asyncio.Future[Any]]] = deque()
        self._stopping = False
        self._away_until = 0.0
        self._trouble = OSError("not opened yet")

    def ask(self, question: Question, future: asyncio.Future[Any]) -> None:
        """Answer ``question`` in its turn."""
        with self._changed:
            self._asked.append((question, future))
            self._changed.notify()

    def __len__(self) -> int:
        return len(self._asked)

    def stop(self) -> None:
        """Answer what was asked, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def run(self) -> None:
        """The thread."""
        while True:
            with self._changed:
                while not self._asked and not self._stopping:
                    self._changed.wait()
                if not self._asked:
                    break
                question, future = self._asked.popleft()
            answered = None if future.done() else self._answer(question)  # nobody may wait any more
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._replied, future, answered)
        self._held.close()

    def _answer(self, question: Question) -> Any:
        if time.monotonic() < self._away_until:
            return self._trouble
        for _ in range(2):
            try:
                return answer(self._held.connection(), question, self._wall())
            except (Missed, Damaged) as error:
                return error
            except Exception as error:
                self._trouble = error if isinstance(error, OSError) else OSError(f"{error}")
                try:
                    again = self._held.failed(error)
                except OSError:
                    again = False
                if not again:
                    break
        self._away_until = time.monotonic() + PAUSE_SECONDS
        return self._trouble
