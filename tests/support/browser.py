"""What tests of the dashboard stand on: an upstream that can die and come back, calls that go on meanwhile, and names
that a browser would take for something else if a page let it.
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SCRIPT = "<script>window.hacked=1</script>"
"""A model's name in the config."""
HOSTILE_KEY = "\"><img src=x onerror=window.hacked=1>'&quot;\u05d0\u05d1"
HOSTILE_MODELS = (
    "<img/src/onerror=window.hacked=1>",
    "\u202egnihton\u202c </td><td>{{here}} ${window.hacked=1}",
    "\u0645\u0631\u062d\u0628\u0627 javascript:window.hacked=1",
    "w" * 5000,
)
"""Models that callers ask for and that are not there."""
TAGS = "team=search,stage=live"
HOSTILE_TAGS = "team=<b/onmouseover=window.hacked=1>x</b>,\"';--=1"
PAUSE = 0.05


class _Chat(BaseHTTPRequestHandler):
    """Answers every chat with the same words."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(
            {
                "id": "c", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": "well"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1020},
            }
        ).encode()  # fmt: skip
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *args: Any) -> None: ...


class Mortal:
    """An upstream on one port, which it keeps for its next life."""

    def __init__(self) -> None:
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.live()

    def live(self) -> None:
        """Answer."""
        server = self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _Chat)
        server.daemon_threads = True
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def die(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def call(url: str, key: str, model: str, said: str = "hi", tags: str = TAGS, **more: Any) -> int:
    """Ask ``model``; the status."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": said}], **more}).encode()
    fields = {"authorization": f"Bearer {key}", "content-type": "application/json", "x-penstock-tags": tags}
    request = urllib.request.Request(f"{url}/v1/chat/completions", body, fields)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            error.read()
            return error.code


@contextlib.contextmanager
def traffic(url: str, key: str, *models: str) -> Iterator[None]:
    """Calls of ``models`` in turn, until the block ends."""
    over = threading.Event()

    def run() -> None:
        number = 0
        while not over.wait(PAUSE):
            number += 1
            with contextlib.suppress(OSError):  # the gateway may stand still for a while
                call(url, key, models[number % len(models)], f"question {number}", stream=number % 3 == 0)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(25)
