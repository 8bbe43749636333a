"""Keeps decisions as they are made: the last ones in memory, and all of them in a file where one is wanted.

Bounds: ``most`` decisions and ``MOST_CANDIDATES`` candidates in memory, the eldest go first; ``MOST_PENDING`` decisions
between two writes and ``MOST_FILE_BYTES`` in the file, beyond which none is written.
"""

from __future__ import annotations

import logging
import os
from collections import deque

import msgspec

from penstock.routing.record import Decision

log = logging.getLogger("penstock")

MOST_CANDIDATES = 100_000
MOST_PENDING = 10_000
MOST_FILE_BYTES = 1024 * 1024 * 1024


class Decisions:
    """See the module. Without ``most`` and ``path`` it wants nothing."""

    def __init__(self) -> None:
        self.most = 0
        self.path: str | None = None
        self.unwritten = 0
        self._kept: deque[Decision] = deque()
        self._candidates = 0
        self._pending: list[Decision] = []
        self._encode = msgspec.json.Encoder().encode
        self._trouble = ""

    @property
    def wanted(self) -> bool:
        """Whether decisions are to be recorded at all."""
        return self.most > 0 or self.path is not None

    def keep(self, decision: Decision) -> None:
        """One was made."""
        if self.most:
            self._kept.append(decision)
            self._candidates += len(decision.candidates)
            self._drop()
        if self.path is not None:
            if len(self._pending) < MOST_PENDING:
                self._pending.append(decision)
            else:
                self.unwritten += 1

    def _drop(self) -> None:
        kept = self._kept
        while len(kept) > self.most or (self._candidates > MOST_CANDIDATES and len(kept) > 1):
            self._candidates -= len(kept.popleft().candidates)

    def follow(self, most: int, path: str | None) -> None:
        """Keep as many from now on, and write to ``path``."""
        self.flush()
        self.most, self.path = most, path
        self._drop()

    def last(self, count: int) -> list[Decision]:
        """The newest, the newest first."""
        kept = self._kept
        return [kept[-1 - back] for back in range(min(count, len(kept)))]

    def flush(self) -> None:
        """Write what is pending: whole lines, so that several workers may write to one file."""
        pending, self._pending = self._pending, []
        if not pending or self.path is None:
            return
        try:
            with open(self.path, "ab", opener=_private) as file:
                if file.tell() < MOST_FILE_BYTES:
                    file.write(b"".join(self._encode(decision) + b"\n" for decision in pending))
                    self._trouble = ""
                    return
                trouble = f"it has reached {MOST_FILE_BYTES} bytes"
        except OSError as error:
            trouble = error.strerror or str(error)
        self.unwritten += len(pending)
        if trouble != self._trouble:
            self._trouble = trouble
            log.error("decisions are not written to %s: %s", self.path, trouble)

    def __repr__(self) -> str:
        return f"<Decisions {len(self._kept)} of {self.most} kept, {len(self._pending)} pending>"


def _private(path: str, flags: int) -> int:
    """It tells who called: nobody else may read it."""
    return os.open(path, flags, 0o600)
