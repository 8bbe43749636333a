"""A Redis server of this test's own, which may be stopped, killed, started again and asked."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class RedisServer:
    """Listens on 127.0.0.1. Keeps nothing over a restart."""

    def __init__(self, program: str, folder: Path, *options: str) -> None:
        self._command = [program, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._known = False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers. Until it has answered once its port may be another's by then: it takes
        another port."""
        for tries in range(5, 0, -1):
            if self._answers() or self._known or tries == 1:
                break
            self.port = free_port()
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("redis-server did not start")
        self._known = True

    def _answers(self) -> bool:
        command = [*self._command, *([] if "--port" in self._command else ["--port", str(self.port)])]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 10).close()
                return self._process.poll() is None
            if time.monotonic() > until or self._process.poll() is not None:
                return False
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def ask(self, *words: bytes | str | int) -> Any:
        """The reply to one command, in RESP as it came."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
            parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            lines = [b"*%d" % len(parts)] + [line for part in parts for line in (b"$%d" % len(part), part)]
            connection.sendall(b"\r\n".join(lines) + b"\r\n")
            return _reply(connection.makefile("rb"))


def _reply(file: Any) -> Any:
    line = file.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:]
    if kind == b"-":
        raise RuntimeError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if int(rest) < 0 else file.read(int(rest) + 2)[:-2]
    if kind == b"*":
        return [_reply(file) for _ in range(int(rest))]
    return rest


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def redis_running(program: str, folder: Path, *options: str) -> Iterator[RedisServer]:
    """A server while the block runs."""
    server = RedisServer(program, folder, *options)
    try:
        server.start()
        yield server
    finally:
        server.kill()


async def old_server() -> tuple[asyncio.Server, int]:
    """A server that says it is Redis 6, and its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            words = [b""] * int(line[1:])
            for index in range(len(words)):
                await reader.readline()
                words[index] = (await reader.readline()).rstrip()
            info = b"redis_version:6.2.14\r\n"
            writer.write(b"$%d\r\n%s\r\n" % (len(info), info) if words[0].upper() == b"INFO" else b"+OK\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]
