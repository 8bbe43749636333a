"""The extension that runs the collector, between a played extensions API and a played collector."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from penstock.deploy.aws import files

COLLECTOR = Path(files.__file__).with_name("app") / "image" / "collector.py"


class Extensions:
    """The extensions API: registers, and says SHUTDOWN once told to."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.waiting = threading.Event()
        api = self

        class Server(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self._heard(self.rfile.read(int(self.headers["content-length"])))
                self._answer({}, ("Lambda-Extension-Identifier", "me"))

            def do_GET(self) -> None:
                self._heard(b"")
                api.waiting.set()
                api.over.wait(20)
                self._answer({"eventType": "SHUTDOWN", "deadlineMs": (time.time() + 5) * 1000})

            def _heard(self, body: bytes) -> None:
                api.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))

            def _answer(self, told: dict[str, Any], *fields: tuple[str, str]) -> None:
                body = json.dumps(told).encode()
                self.send_response(200)
                for name, value in (*fields, ("Content-Length", str(len(body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
        self.server.daemon_threads = True


@pytest.fixture
def extensions() -> Iterator[Extensions]:
    made = Extensions()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.over.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def _run(extensions: Extensions, *command: str) -> subprocess.Popen[str]:
    environ = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{extensions.server.server_port}"}
    return subprocess.Popen(
        [sys.executable, "-I", str(COLLECTOR), *command], env=environ, stderr=subprocess.PIPE, text=True
    )


def test_it_registers_for_the_end_alone_and_lets_the_collector_finish(extensions: Extensions, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    begun = tmp_path / "begun"
    script = (
        "import pathlib, signal, sys\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(ended)!r}).touch(), sys.exit(0)))\n"
        f"pathlib.Path({str(begun)!r}).touch()\nsignal.pause()"
    )
    with _run(extensions, sys.executable, "-c", script) as process:
        assert extensions.waiting.wait(20)
        until = time.monotonic() + 20
        while not begun.exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        extensions.over.set()
        assert process.wait(20) == 0
    assert ended.exists()
    (register, fields, body), (following, own, _) = extensions.heard
    assert (register, json.loads(body)) == ("/2020-01-01/extension/register", {"events": ["SHUTDOWN"]})
    assert fields["lambda-extension-name"] == "penstock-collector"  # the name of the file in /opt/extensions
    assert (following, own["lambda-extension-identifier"]) == ("/2020-01-01/extension/event/next", "me")


def test_without_a_collector_the_sandbox_serves_all_the_same(extensions: Extensions) -> None:
    with _run(extensions, "/no/such/collector") as process:
        assert extensions.waiting.wait(20)
        extensions.over.set()
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert "cannot be started" in process.stderr.read()
