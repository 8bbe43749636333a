"""Request ids: short, unique over workers and restarts, and cheap. Pure."""

from __future__ import annotations

import itertools
import secrets


class Ids:
    """``req_<worker><start>-<count>``: the worker's number first, so that any process can find the right worker."""

    __slots__ = ("_count", "_prefix")

    def __init__(self, worker: int, start: str | None = None) -> None:
        self._prefix = f"req_{worker}x{start if start is not None else secrets.token_hex(5)}-"
        self._count = itertools.count(1)

    def next(self) -> str:
        """A new id."""
        return f"{self._prefix}{next(self._count):x}"

    @property
    def made(self) -> int:
        """How many there were. The iterator tells its position in no other way, and a count beside it would cost."""
        return int(repr(self._count)[len("count(") : -1]) - 1


def worker_of(request_id: str) -> int | None:
    """The worker that made ``request_id``, or None if it does not tell."""
    number, mark, _ = request_id.removeprefix("req_").partition("x")
    return int(number) if mark and number.isascii() and number.isdigit() and len(number) <= 4 else None
