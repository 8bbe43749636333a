"""Request ids: short, unique over workers and restarts, and cheap. Pure."""

from __future__ import annotations

import secrets
from typing import Final

_LOW: Final = [f"{number:02x}" for number in range(256)]
"""To format each number would cost half as much as all else that an id takes."""


class Ids:
    """``req_<worker><start>-<count>``: the worker's number first, so that any process can find the right worker."""

    __slots__ = ("_block", "_prefix", "made")

    def __init__(self, worker: int, start: str | None = None) -> None:
        self._prefix = f"req_{worker}x{start if start is not None else secrets.token_hex(5)}-"
        self._block = self._prefix
        self.made = 0
        """How many there were."""

    def next(self) -> str:
        """A new id."""
        self.made = count = self.made + 1
        low = count & 255
        if not low:
            self._block = f"{self._prefix}{count >> 8:x}"
        return self._block + (_LOW[low] if count > 255 else f"{low:x}")


def worker_of(request_id: str) -> int | None:
    """The worker that made ``request_id``, or None if it does not tell."""
    number, mark, _ = request_id.removeprefix("req_").partition("x")
    return int(number) if mark and number.isascii() and number.isdigit() and len(number) <= 4 else None
