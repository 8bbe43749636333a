"""A terminal of one's own with a command in it: what it draws is read, keys are pressed, its size is changed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from typing import Any

_START = (
    "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " from penstock.cli.main import main; raise SystemExit(main(sys.argv[1:]))"
)


class Terminal:
    """``drawn`` is all that came. ``outer`` is the terminal's end, ``inner`` that of who runs in it."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.outer, self.inner = os.openpty()
        self.drawn = ""
        self.resize(columns, lines)
        self.before = self.settings

    def resize(self, columns: int, lines: int) -> None:
        """The kernel tells who runs in it by SIGWINCH."""
        fcntl.ioctl(self.inner, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @property
    def settings(self) -> list[Any]:
        """What programs may change of it."""
        return termios.tcgetattr(self.inner)

    def press(self, keys: str) -> None:
        os.write(self.outer, keys.encode())

    def expect(self, text: str, seconds: float = 40.0) -> str:
        """What is drawn up to ``text``, which is taken away with it."""
        until = time.monotonic() + seconds
        while text not in self.drawn:
            left = until - time.monotonic()
            assert left > 0, f"{text!r} is not in {self.drawn!r}"
            self._read(left)
        before, _, self.drawn = self.drawn.partition(text)
        return before

    def _read(self, seconds: float) -> None:
        if select.select([self.outer], [], [], seconds)[0]:
            with contextlib.suppress(OSError):  # nobody has it open any more
                self.drawn += os.read(self.outer, 65536).decode("utf-8", "replace")

    def close(self) -> None:
        os.close(self.outer)
        os.close(self.inner)


@contextlib.contextmanager
def terminal(columns: int = 80, lines: int = 24) -> Iterator[Terminal]:
    """One that is closed at the end."""
    made = Terminal(columns, lines)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def penstock(within: Terminal, environ: Mapping[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command in the terminal, as if a person had typed it; it is killed if it does not end by itself."""
    child = subprocess.Popen(
        [sys.executable, "-c", _START, *arguments], stdin=within.inner, stdout=within.inner, stderr=within.inner,
        env=dict(environ), start_new_session=True,
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(30)
