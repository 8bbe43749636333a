"""An upstream whose calls last until a test lets them end, in the order in which they came."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.support.scripted_upstream import EVENTS, Answer, Request

WHOLE = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}  # fmt: skip
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":%b}]}\n\n'


@dataclass
class Held:
    """One call there. ``go`` lets it end; ``dies``: without an answer; ``first``: its stream begins at once."""

    said: str
    dies: bool = False
    go: threading.Event = field(default_factory=threading.Event)


class SlowUpstream:
    """The behaviour. ``calls`` as they came; ``freely``: from now on none is held; ``first``: streams begin at once."""

    def __init__(self, *, first: bool = False) -> None:
        self.calls: list[Held] = []
        self.freely = threading.Event()
        self.first = first
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    @property
    def said(self) -> list[str]:
        """What was asked, in order."""
        return [call.said for call in self.calls]

    def __call__(self, connection: socket.socket, request: Request) -> None:
        body: dict[str, Any] = json.loads(request.body)
        held = Held(body["messages"][0]["content"])
        streams = bool(body.get("stream"))
        with self._lock:
            self.calls.append(held)
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            if streams and self.first:
                self._begin(connection)
            self._wait(held, connection)
            with self._lock:
                self.running -= 1
            if held.dies:
                connection.shutdown(socket.SHUT_RDWR)
            elif streams:
                if not self.first:
                    self._begin(connection)
                end = EVENT % b'"stop"' + b"data: [DONE]\n\n"
                connection.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(end), end))
            else:
                answer = Answer(body=json.dumps(WHOLE).encode())
                connection.sendall(answer.head() + answer.body)
        except _Left:
            with self._lock:
                self.running -= 1
            raise

    def _begin(self, connection: socket.socket) -> None:
        event = EVENT % b"null"
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head() + b"%x\r\n%b\r\n" % (len(event), event))

    def _wait(self, held: Held, connection: socket.socket) -> None:
        """Until it may end. Raises when its caller hangs up."""
        while not held.go.wait(0.005) and not self.freely.is_set():
            connection.setblocking(False)
            try:
                if connection.recv(1, socket.MSG_PEEK) == b"":
                    raise _Left
            except BlockingIOError:
                pass
            finally:
                connection.setblocking(True)


class _Left(OSError):
    """The caller hung up."""
