"""A terminal that is drawn on whole: its other screen, single keys, and all as it was afterwards, whatever happens.

Enters: file descriptors of a terminal. Leaves: pictures on it, keys from it. May fail: OSError, termios.error where it
is no terminal.
"""

from __future__ import annotations

import os
import select
import signal
import termios
import time
import tty
from types import FrameType, TracebackType

ENTER = "\x1b[?1049h\x1b[?25l"
LEAVE = "\x1b[?25h\x1b[?1049l"
TO_END_OF_LINE, TO_END = "\x1b[K", "\x1b[J"


class Screen:
    """Use as a context manager. A change of size or a signal wakes ``key``; SIGTERM and SIGHUP leave as Ctrl-C does."""

    def __init__(self, keys: int, out: int) -> None:
        self._keys = keys
        self._out = out
        self._ends = False

    def __enter__(self) -> Screen:
        self._before = termios.tcgetattr(self._keys)
        self._wake, self._waker = os.pipe()
        for end in (self._wake, self._waker):
            os.set_blocking(end, False)
        self._signals = {
            one: signal.signal(one, self._signalled) for one in (signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP)
        }
        self._woken = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        tty.setcbreak(self._keys)
        self._write(ENTER)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.set_wakeup_fd(self._woken)
        for one, before in self._signals.items():
            signal.signal(one, before)
        os.close(self._wake)
        os.close(self._waker)
        try:
            self._write(LEAVE)
        finally:
            termios.tcsetattr(self._keys, termios.TCSADRAIN, self._before)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGWINCH:
            self._ends = True

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        found = os.get_terminal_size(self._out)
        return (found.columns or 80, found.lines or 24)

    def draw(self, lines: list[str]) -> None:
        """Show ``lines`` in place of what was there."""
        self._write("\x1b[H" + "".join(f"{line}{TO_END_OF_LINE}\r\n" for line in lines[:-1]))
        self._write((lines[-1] if lines else "") + TO_END_OF_LINE + TO_END)

    def key(self, seconds: float) -> str:
        """The next key, or "" after ``seconds`` or a change of size. Raises KeyboardInterrupt when asked to end."""
        ready, _, _ = select.select([self._keys, self._wake], [], [], seconds)
        if self._wake in ready:
            os.read(self._wake, 64)
        if self._ends:
            raise KeyboardInterrupt
        if self._keys in ready:
            pressed = os.read(self._keys, 1)
            if not pressed:
                raise KeyboardInterrupt  # the terminal is gone
            return pressed.decode("latin-1")
        return ""

    def keys(self, seconds: float) -> str:
        """The first key within ``seconds``, whatever wakes it before; "" where there was none or the size changed."""
        until = time.monotonic() + seconds
        size = self.size
        while (left := until - time.monotonic()) > 0:
            pressed = self.key(left)
            if pressed or self.size != size:
                return pressed
        return ""

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._out, data) :]

    def __repr__(self) -> str:
        return f"<Screen on {self._out}>"
