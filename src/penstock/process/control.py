"""The local control socket: a Unix socket by which this user's commands reach the running gateway without a key.

It speaks the same lines as a Link and answers what Team.answers. It lies in a directory that only its owner may
enter, one socket a port. Fails with OSError, in words, when it cannot be had or nobody answers there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import tempfile
from collections.abc import Mapping
from typing import Any

from penstock.core.tasks import Crew
from penstock.process.link import MAX_LINE_BYTES, Link, link_over
from penstock.process.team import Team

MAX_PATH_BYTES = 100
"""The kernel takes 107, macOS 103."""


def control_folder(environ: Mapping[str, str] = os.environ) -> str:
    """Where this user's control sockets lie."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    return os.path.join(runtime, "penstock") if runtime else f"{tempfile.gettempdir()}/penstock-{os.getuid()}"


def control_path(port: int) -> str:
    """The control socket of the gateway on ``port``. Raises OSError when the path is too long for a socket."""
    path = os.path.join(control_folder(), f"{port}.sock")
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise OSError(
            f"the path {path} is too long for a socket ({len(os.fsencode(path))} bytes, {MAX_PATH_BYTES} are possible);"
            " set XDG_RUNTIME_DIR or TMPDIR to a shorter one"
        )
    return path


class ControlSocket:
    """The supervisor's end."""

    def __init__(self, team: Team, crew: Crew, port: int) -> None:
        self._team = team
        self._crew = crew
        self._port = port
        self._path = ""
        self._inode = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen. Raises OSError when the directory is not ours alone, or another gateway answers there."""
        path = control_path(self._port)
        _own_folder(os.path.dirname(path))
        if _answers(path):
            raise FileExistsError(f"another gateway of this user answers at {path}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # left by one that was killed
        self._server = await asyncio.start_unix_server(self._meet, path, limit=MAX_LINE_BYTES)
        os.chmod(path, 0o600)
        self._path = path
        self._inode = os.stat(path).st_ino

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._crew.spawn(Link(reader, writer, self._team.answers, self._crew).run(), "control link")

    def close(self) -> None:
        """Stop listening and take the socket away, if it is still ours."""
        if self._server is None:
            return
        self._server.close()
        with contextlib.suppress(FileNotFoundError):
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)

    def __repr__(self) -> str:
        return f"<ControlSocket {self._path or 'closed'}>"


def _own_folder(folder: str) -> None:
    """Make it, or make sure that it is a directory of ours and let nobody else in. Raises OSError."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f"{folder} must be a directory that belongs to this user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        os.chmod(folder, 0o700)


def _answers(path: str) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as trial:
        return trial.connect_ex(path) == 0


def running_ports() -> list[int]:
    """The ports of this user's gateways whose control sockets answer."""
    folder = control_folder()
    names = os.listdir(folder) if os.path.isdir(folder) else []
    ports = [int(name.removesuffix(".sock")) for name in names if name.removesuffix(".sock").isdigit()]
    return sorted(port for port in ports if _answers(os.path.join(folder, f"{port}.sock")))


async def ask_gateway(port: int, name: str, value: Any = None, *, within: float = 120.0) -> Any:
    """Ask the gateway on ``port`` over its control socket. Raises OSError when none runs, LinkError when it fails."""
    crew = Crew("control")
    link, _ = await link_over(control_path(port), {}, crew)
    try:
        return await link.ask(name, value, within=within)
    finally:
        link.close()
        await crew.aclose()
