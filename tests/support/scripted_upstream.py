"""An upstream on a real socket whose answers a test writes, and which remembers every byte that reached it.

Enters: ``answers[path] = Answer(...)``, or a function of the connection for what no Answer can say. Leaves:
``requests``, oldest first. Runs on threads of its own, so that it serves synchronous and asyncio tests alike.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

JSON = ("content-type", "application/json")
EVENTS = ("content-type", "text/event-stream")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. ``body`` is without its transfer coding; ``raw_head`` ends with the empty line."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    raw_head: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def names(self) -> list[str]:
        return [name for name, _ in self.headers]


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send: ``body`` whole with its length, or ``chunks`` one by one, ``gap`` seconds apart."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (JSON,)
    body: bytes = b"{}"
    chunks: tuple[bytes, ...] | None = None
    gap: float = 0.0

    def head(self) -> bytes:
        framing = "transfer-encoding: chunked" if self.chunks is not None else f"content-length: {len(self.body)}"
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{name}: {value}" for name, value in self.headers), framing]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


Behaviour = Callable[[socket.socket, Request], None]


@dataclass(slots=True)
class Gone:
    """A stream without an end; notes when its reader hangs up."""

    event: bytes = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    gap: float = 0.01
    seen: threading.Event = field(default_factory=threading.Event)
    at: float = 0.0

    def __call__(self, connection: socket.socket, request: Request) -> None:
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head())
        framed = b"%x\r\n%b\r\n" % (len(self.event), self.event)
        with contextlib.suppress(OSError):
            while not select.select([connection], [], [], self.gap)[0]:
                connection.sendall(framed)
        self.at = time.perf_counter()
        self.seen.set()


class ScriptedUpstream:
    """See the module. Use as a context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer | Behaviour] = {}
        self.requests: list[Request] = []
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    def reset(self) -> None:
        """Forget answers and requests."""
        self.answers.clear()
        self.requests.clear()

    def __enter__(self) -> ScriptedUpstream:
        self._spawn(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        with contextlib.suppress(OSError, ssl.SSLError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as reader:
                while (request := read_request(reader)) is not None:
                    self.requests.append(request)
                    self._answer(connection, request)
        self._open.discard(connection)

    def _answer(self, connection: socket.socket, request: Request) -> None:
        missing = Answer(404, body=b'{"error":{"message":"not scripted","type":"x","param":null,"code":"unscripted"}}')
        answer = self.answers.get(request.target.partition("?")[0], missing)
        if not isinstance(answer, Answer):
            answer(connection, request)
            return
        if answer.chunks is None:
            connection.sendall(answer.head() + answer.body)
            return
        connection.sendall(answer.head())
        for chunk in answer.chunks:
            if answer.gap:
                time.sleep(answer.gap)
            connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        connection.sendall(b"0\r\n\r\n")


def read_request(reader: object) -> Request | None:
    """The next request on a connection; None at its end."""
    lines = list(_head(reader))
    if not lines or lines[-1] not in (b"\r\n", b"\n"):
        return None
    method, target, _ = lines[0].decode("latin-1").split(" ", 2)
    headers = []
    for line in lines[1:-1]:
        name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
        headers.append((name.lower(), value.strip()))
    fields = dict(headers)
    if fields.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(reader))
    else:
        body = reader.read(int(fields.get("content-length", "0")))  # type: ignore[attr-defined]
    return Request(method, target, headers, body, b"".join(lines))


def _head(reader: object) -> Iterator[bytes]:
    while line := reader.readline(65536):  # type: ignore[attr-defined]
        yield line
        if line in (b"\r\n", b"\n"):
            return


def _chunks(reader: object) -> Iterator[bytes]:
    while size := int(reader.readline(), 16):  # type: ignore[attr-defined]
        yield reader.read(size)  # type: ignore[attr-defined]
        reader.readline()  # type: ignore[attr-defined]
    reader.readline()  # type: ignore[attr-defined]
