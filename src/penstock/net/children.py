"""Child processes that are watched while they live and never outlive their parent.

Enters an argument list; leaves a `Child`: its lines as they come, the last of them (bounded), its end.
Each child leads its own session, so a Ctrl-C in the terminal is the parent's to act on, and signals reach the
child's own children too. May fail: FileNotFoundError and PermissionError before anything is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import cast

STDOUT = 1
STDERR = 2
MAX_LINE_BYTES = 4096

OnLine = Callable[[int, str], None]
"""Called with STDOUT or STDERR and a line without its end. It must not raise."""

# Asks the kernel for SIGKILL when the parent dies, then becomes the command. A few ms of Python in between instead of
# a function run after fork: that is unsafe beside threads. The second look at the parent closes the race with its
# death; signals that Python ignores go back to their defaults, because an exec would hand the ignoring on.
_LEASH = """
import ctypes, os, signal, sys
if ctypes.CDLL(None).prctl(1, signal.SIGKILL) or os.getppid() != int(sys.argv[1]):
    os._exit(1)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
os.execv(sys.argv[2], sys.argv[2:])
"""


# Stays between, for commands whose own children must not outlive us either (a shell's, an engine's workers): the kernel
# ends only whom it is bound to. It is in their group and takes no signal but SIGKILL; when its standard input ends,
# we have died: then it ends the whole group, gently first. It ends as the command ends.
_GUARD = """
import ctypes, os, select, signal, sys
prctl, me = ctypes.CDLL(None).prctl, os.getpid()
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
child = os.fork()
if not child:
    if prctl(1, signal.SIGKILL) or os.getppid() != me:
        os._exit(1)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(sys.argv[3], sys.argv[3:])
prctl(4, 0)
woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
signal.set_wakeup_fd(wake)
signal.signal(signal.SIGCHLD, lambda *_: None)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, signal.SIG_IGN)
awaits, patience = [0, woken], None
while True:
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended and patience is None:
        break
    heard = select.select(awaits, [], [], patience)[0]
    if woken in heard:
        os.read(woken, 64)
    if ended or not heard:
        os.killpg(0, signal.SIGKILL)
    if 0 in heard and not os.read(0, 64):
        awaits, patience = [woken], float(sys.argv[2])
        os.killpg(0, signal.SIGTERM)
if os.WIFSIGNALED(status):
    if os.WTERMSIG(status) != signal.SIGKILL:
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
    os.kill(me, os.WTERMSIG(status))
os._exit(os.waitstatus_to_exitcode(status))
"""


def guarded(argv: Sequence[str], parent_pid: int, grace: float) -> list[str]:
    """``argv`` such that it and all that it starts in its session end with ``parent_pid``, ``grace`` seconds after a
    SIGTERM. Linux only, as ``leashed``."""
    if sys.platform != "linux":
        return list(argv)
    return [sys.executable, "-I", "-S", "-c", _GUARD, str(parent_pid), str(grace), *argv]


def leashed(argv: Sequence[str], parent_pid: int) -> list[str]:
    """``argv`` (its first word a path) such that the kernel kills it when ``parent_pid`` dies. Linux only; elsewhere a
    child has to notice the end of its standard input. More exactly, it dies with the parent's *thread* that spawned
    it: spawn from the thread of the event loop."""
    if sys.platform != "linux":
        return list(argv)
    return [sys.executable, "-I", "-S", "-c", _LEASH, str(parent_pid), *argv]


class Lines:
    """Cuts a stream of bytes into lines of at most MAX_LINE_BYTES; longer ones come in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes."""
        *whole, rest = (self._rest + data).split(b"\n")
        lines = [piece for line in whole for piece in _pieces(line)]
        *full, self._rest = _pieces(rest)
        return [_text(line) for line in lines + full]

    def end(self) -> list[str]:
        """What came after the last line end."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


def _pieces(line: bytes) -> list[bytes]:
    return [line[at : at + MAX_LINE_BYTES] for at in range(0, len(line), MAX_LINE_BYTES)] or [b""]


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")


KILLED_SECONDS = 5.0
"""What is killed has ended by then, unless the kernel holds it."""


class Child(asyncio.SubprocessProtocol):
    """One running command. ``exited`` holds the exit status (negative: the signal) once it has ended."""

    def __init__(self, name: str, on_line: OnLine | None, keep_lines: int) -> None:
        self.name = name
        self.pid = 0
        self._early_signal = 0
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_line = on_line
        self._errors: deque[str] = deque(maxlen=keep_lines)
        self._lines = {STDOUT: Lines(), STDERR: Lines()}
        self._transport: asyncio.SubprocessTransport | None = None

    @property
    def running(self) -> bool:
        return not self.exited.done()

    def last_lines(self) -> list[str]:
        """The last lines of standard error, oldest first."""
        return list(self._errors)

    async def wait(self) -> int:
        """The exit status, once the command has ended and its last lines are read (grandchildren that hold the pipes
        are waited for half a second at most)."""
        status = await asyncio.shield(self.exited)
        await asyncio.wait({self._drained}, timeout=0.5)
        self._close()
        return status

    def signal(self, number: int) -> None:
        """Send ``number`` to the child and its own children. Nothing happens when all have ended."""
        if not self.pid:
            self._early_signal = number  # a group of 0 would be our own
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def stop(self, grace: float) -> int:
        """SIGTERM, and SIGKILL after ``grace`` seconds (at once when cancelled meanwhile). Returns the exit status, and
        not before it has ended, so that a loop that ends now leaves no process unreaped."""
        try:
            if self.running:
                self.signal(signal.SIGTERM)
                await asyncio.wait({self.exited}, timeout=grace)
        finally:
            if self.running:
                self.signal(signal.SIGKILL)
                await asyncio.wait({self.exited}, timeout=KILLED_SECONDS)
        return await self.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)  # uvloop's own is not a subclass
        self.pid = self._transport.get_pid()
        if self._early_signal:
            self.signal(self._early_signal)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._take(fd, self._lines[fd].feed(data))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd in self._lines:
            self._take(fd, self._lines[fd].end())

    def process_exited(self) -> None:
        self.signal(signal.SIGKILL)  # what it left behind in its session
        status = self._transport.get_returncode() if self._transport else None
        if not self.exited.done():
            self.exited.set_result(-1 if status is None else status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._close()
        if not self._drained.done():
            self._drained.set_result(None)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _take(self, fd: int, lines: list[str]) -> None:
        if fd == STDERR:
            self._errors.extend(lines)
        if self._on_line is not None:
            for line in lines:
                self._on_line(fd, line)

    def __repr__(self) -> str:
        return f"<Child {self.name} pid={self.pid} {'running' if self.running else f'exit {self.exited.result()}'}>"


def _find(program: str, path: str | None) -> str:
    found = shutil.which(program, path=path)
    if found is not None:
        return os.path.abspath(found)
    if os.path.isfile(program):
        raise PermissionError(f"{program}: not executable")
    raise FileNotFoundError(f"{program}: no such command")


async def spawn(
    argv: Sequence[str],
    *,
    name: str,
    env: Mapping[str, str] | None = None,
    on_line: OnLine | None = None,
    keep_lines: int = 40,
    grace: float | None = None,
) -> Child:
    """Start a command. Its standard input is a pipe that stays open and empty until the parent ends. With ``grace``,
    what it starts itself ends with the parent, too, so many seconds after it was told.

    Raises FileNotFoundError when the command is not there, PermissionError when it must not be run.
    """
    environment = dict(os.environ if env is None else env)
    program = _find(argv[0], environment.get("PATH"))
    child = Child(name, on_line, keep_lines)
    argv = [program, *argv[1:]]
    argv = leashed(argv, os.getpid()) if grace is None else guarded(argv, os.getpid(), grace)
    try:
        await asyncio.get_running_loop().subprocess_exec(lambda: child, *argv, env=environment, start_new_session=True)
    except asyncio.CancelledError:
        child.signal(signal.SIGKILL)  # uvloop would leave it running
        await asyncio.wait({child.exited}, timeout=KILLED_SECONDS)
        raise
    return child


class Backoff:
    """Doubling pauses (seconds) with ±20 % of jitter, so that several failing children do not start in step."""

    def __init__(self, first: float, longest: float, jitter: Callable[[], float] = random.random) -> None:
        if not 0 < first <= longest:
            raise ValueError("a backoff needs 0 < first <= longest")
        self._first = first
        self._longest = longest
        self._jitter = jitter
        self.failures = 0

    def failed(self) -> float:
        """Count one more failure in a row; returns how long to wait before the next try."""
        pause = min(self._first * 2.0 ** min(self.failures, 32), self._longest)
        self.failures += 1
        return pause * (0.8 + 0.4 * self._jitter())

    def reset(self) -> None:
        self.failures = 0

    def __repr__(self) -> str:
        return f"<Backoff {self.failures} failures in a row>"
