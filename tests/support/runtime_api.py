"""Lambda's runtime API, played by a real server: hands out events, and keeps what is answered, piece by piece."""

from __future__ import annotations

import json
import queue
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

WAIT_SECONDS = 60.0
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:penstock"


@dataclass
class Told:
    """One POST of the runtime. ``pieces`` as they came, with the moment of each; ``trailers`` after them."""

    path: str
    headers: dict[str, str]
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def streamed(self) -> tuple[dict[str, Any], bytes]:
        """Prelude and body of a streamed answer."""
        head, _, body = self.body.partition(bytes(8))
        return json.loads(head), body


class RuntimeApi:
    """See the module. ``address`` is what AWS_LAMBDA_RUNTIME_API says. ``first_piece`` is set when an answer begins."""

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[str, bytes, float, str]] = queue.Queue()
        self._told: queue.Queue[Told] = queue.Queue()
        self._closing = threading.Event()
        self._count = 0
        self.began: queue.Queue[Told] = queue.Queue()
        api = self

        class Server(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each event comes 40 ms late

            def do_GET(self) -> None:
                assert self.path == "/2018-06-01/runtime/invocation/next", self.path
                identity, event, deadline, trace = api._next()
                self.send_response(200)
                for name, value in (
                    ("Content-Type", "application/json"), ("Content-Length", str(len(event))),
                    ("Lambda-Runtime-Aws-Request-Id", identity), ("Lambda-Runtime-Trace-Id", trace),
                    ("Lambda-Runtime-Deadline-Ms", str(int(deadline * 1000))),
                    ("Lambda-Runtime-Invoked-Function-Arn", ARN),
                ):  # fmt: skip
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(event)

            def do_POST(self) -> None:
                told = Told(self.path, {name.lower(): value for name, value in self.headers.items()})
                api.began.put(told)
                if told.headers.get("transfer-encoding") == "chunked":
                    self._chunks(told)
                else:
                    told.pieces.append((time.monotonic(), self.rfile.read(int(told.headers["content-length"]))))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                api._told.put(told)

            def _chunks(self, told: Told) -> None:
                while size := int(self.rfile.readline(), 16):
                    told.pieces.append((time.monotonic(), self.rfile.read(size)))
                    self.rfile.readline()
                while line := self.rfile.readline().strip():
                    name, _, value = line.decode().partition(":")
                    told.trailers[name.lower()] = value.strip()

            def log_message(self, *_: Any) -> None: ...

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None: ...  # a runtime that ends leaves its connection

        self._server = Quiet(("127.0.0.1", 0), Server)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def invoke(self, event: object, *, seconds: float = 30.0, trace: str = "") -> None:
        """Have ``event`` taken next, with ``seconds`` to answer it."""
        self._count += 1
        text = event if isinstance(event, bytes) else json.dumps(event).encode()
        self._events.put((f"call-{self._count}", text, time.time() + seconds, trace))

    def told(self) -> Told:
        """The next finished POST."""
        return self._told.get(timeout=WAIT_SECONDS)

    def _next(self) -> tuple[str, bytes, float, str]:
        while not self._closing.is_set():
            try:
                return self._events.get(timeout=0.02)
            except queue.Empty:
                continue
        raise ConnectionAbortedError

    def __enter__(self) -> RuntimeApi:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def url_event(method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
    """An event of a function URL."""
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {"host": "abc.lambda-url.eu-west-1.on.aws", "content-type": "application/json",
                    "x-forwarded-for": "6.6.6.6", **headers},
        "requestContext": {
            "accountId": "anonymous", "domainName": "abc.lambda-url.eu-west-1.on.aws", "stage": "$default",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9",
                     "userAgent": "curl/8"},
        },
        "body": None if body is None else json.dumps(body), "isBase64Encoded": False,
    }  # fmt: skip


def balancer_event(method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
    """An event of a balancer whose target group takes fields as lists."""
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/p/1"}},
        "httpMethod": method, "path": path, "multiValueQueryStringParameters": {},
        "multiValueHeaders": {"content-type": ["application/json"], **{name: [one] for name, one in headers.items()}},
        "body": "" if body is None else json.dumps(body), "isBase64Encoded": False,
    }  # fmt: skip
