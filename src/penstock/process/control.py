"""The local control socket: a Unix socket by which this user's commands reach the running gateway without a key.

It speaks the same lines as a Link: ``reload``, ``status``, ``metrics``, ``calls``. It lies in a directory that only
its owner may enter.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import tempfile
from typing import Any

from penstock.core.tasks import Crew
from penstock.process.link import MAX_LINE_BYTES, Link
from penstock.process.team import Team


def control_path(port: int) -> str:
    """Where the control socket of the gateway on ``port`` lies."""
    base = os.environ.get("XDG_RUNTIME_DIR") or os.path.join(tempfile.gettempdir(), f"penstock-{os.getuid()}")
    return os.path.join(base, "penstock" if os.environ.get("XDG_RUNTIME_DIR") else "", f"{port}.sock")


class ControlSocket:
    """The supervisor's end."""

    def __init__(self, team: Team, crew: Crew, port: int) -> None:
        self._team = team
        self._crew = crew
        self.path = control_path(port)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen. Raises OSError when the directory is not ours alone."""
        folder = os.path.dirname(self.path)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.stat(folder)
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise PermissionError(f"{folder} must belong to this user alone (mode 0700)")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._server = await asyncio.start_unix_server(self._meet, self.path, limit=MAX_LINE_BYTES)
        os.chmod(self.path, 0o600)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Link(reader, writer, self._answers(), self._crew).run()

    def _answers(self) -> dict[str, Any]:
        team = self._team

        async def reload(_: Any) -> Any:
            return await team.reload()

        async def status(_: Any) -> Any:
            return await team.status()

        async def metrics(_: Any) -> Any:
            return await team.metrics()

        async def calls(value: Any) -> Any:
            return await team.calls(int(value.get("count", 100)), str(value.get("id", "")))

        return {"reload": reload, "status": status, "metrics": metrics, "calls": calls}

    def close(self) -> None:
        """Stop listening and take the socket away."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


async def ask_gateway(port: int, name: str, value: Any = None, *, within: float = 60.0) -> Any:
    """Ask the gateway on ``port`` over its control socket. Raises OSError when none runs, LinkError when it fails."""
    reader, writer = await asyncio.open_unix_connection(control_path(port), limit=MAX_LINE_BYTES)
    crew = Crew("control")
    link = Link(reader, writer, {}, crew)
    crew.spawn(link.run(), "control link")
    try:
        return await link.ask(name, value, within=within)
    finally:
        link.close()
        await crew.aclose()
