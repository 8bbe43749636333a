"""What ``penstock warm`` needs of a gateway, over real sockets: a cache, its load, limits, a journal. For its tests."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = Callable[[dict[str, Any]], tuple[int, dict[str, str], dict[str, Any]] | None]


class CachedGateway:
    """``cached`` holds bodies that are answered at once; ``asked`` those that were sent upstream. ``others`` calls of
    other people are in flight. ``script`` may answer a call otherwise."""

    def __init__(self) -> None:
        self.cached: set[str] = set()
        self.asked: list[dict[str, Any]] = []
        self.tags: list[str] = []
        self.looked_up = 0
        self.others = 0
        self.looks_at_load = 0
        self.running = 0
        self.most_running = 0
        self.key = ""
        self.admin_key = ""
        self.has_cache = True
        self.cache_says = "miss"
        self.usage = {"prompt_tokens": 10, "completion_tokens": 5}
        self.journal: dict[str, dict[str, Any]] = {}
        self.config: dict[str, Any] = {"upstreams": {"up": {"price": {"input": 1.0, "output": 2.0}}}}
        self.script: Script = lambda body: None
        self.gate = threading.Event()
        self.gate.set()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Calls)
        self._server.gateway = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def prompts(self) -> list[str]:
        """The last messages of what was sent upstream."""
        return [body["messages"][-1]["content"] for body in self.asked]

    def answer(self, body: dict[str, Any], mode: str, tags: str) -> tuple[int, dict[str, str], Any]:
        name = json.dumps(body, sort_keys=True)
        scripted = self.script(body)
        if scripted is not None:
            return scripted
        if self.has_cache and name in self.cached:
            return 200, {"x-penstock-cache": "hit-exact"}, {"usage": self.usage}
        if self.has_cache and mode == "only":
            with self._lock:
                self.looked_up += 1
            return 504, {}, {"error": {"message": "nothing is cached for this call", "code": "not_cached"}}
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        self.gate.wait(60)
        with self._lock:
            self.running -= 1
            self.asked.append(body)
            self.tags.append(tags)
            self.cached.add(name)
        said = {"x-penstock-cache": self.cache_says} if self.has_cache else {}
        return 200, said | {"x-penstock-upstream": "up"}, {"usage": self.usage}


class _Server(ThreadingHTTPServer):
    gateway: CachedGateway
    daemon_threads = True
    request_queue_size = 64


class _Calls(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        gateway = self.server.gateway
        if not self._admitted(gateway.key):
            return
        mode, tags = self.headers.get("x-penstock-cache", ""), self.headers.get("x-penstock-tags", "")
        self._say(*gateway.answer(body, mode, tags))

    def do_GET(self) -> None:
        gateway = self.server.gateway
        path, _, query = self.path.partition("?")
        if not self._admitted(gateway.admin_key or gateway.key):
            return
        if path == "/admin/v1/status":
            gateway.looks_at_load += 1
            self._say(200, {}, {"workers": [{"in_flight": gateway.others}, {"in_flight": gateway.running}]})
        elif path == "/admin/v1/config":
            self._say(200, {}, gateway.config)
        elif path == "/admin/v1/journal" and gateway.journal:
            after = dict(part.split("=", 1) for part in query.split("&")).get("after", "")
            self._say(200, {}, gateway.journal[after])
        else:
            self._say(404, {}, {"error": {"message": f"there is nothing at {path}", "code": "not_found"}})

    def _admitted(self, key: str) -> bool:
        if not key or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        self._say(
            401, {}, {"error": {"message": "The API key is not one of this gateway's.", "code": "invalid_api_key"}}
        )
        return False

    def _say(self, status: int, headers: dict[str, str], value: Any) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, field in headers.items():
            self.send_header(name, field)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None: ...


@contextlib.contextmanager
def cached_gateway() -> Iterator[CachedGateway]:
    """One that listens."""
    gateway = CachedGateway()
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.end()
