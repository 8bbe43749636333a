import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.ray.app import service
from penstock.scaling.actuators.ray.app.service import MOST_BYTES, PATH, ServeApp
from penstock.scaling.actuators.ray_config import ServeConfig
from penstock.scaling.size import Size
from tests.scaling.actuators.ray.app.test_schema import told
from tests.scaling.actuators.ray.orders import ran


class Dashboard(HTTPServer):
    """Ray's, as far as it is asked. ``put``: what came; ``answers``: the status and body instead of what is right."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.put: list[dict[str, Any]] = []
        self.token = ""
        self.answers: tuple[int, bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Asked(BaseHTTPRequestHandler):
    server: Dashboard

    def do_GET(self) -> None:
        self.server.token = self.headers.get("authorization", "")
        assert self.path == PATH
        self._say(*(self.server.answers or (200, json.dumps(told()).encode())))

    def do_PUT(self) -> None:
        self.server.put.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self._say(200, b"")

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if status == 302:
            self.send_header("location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    with Dashboard() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def app(url: str) -> ServeApp:
    return ServeApp(ServeConfig(url=url + "/", application="llm", deployment="Engine", token="secret"), price=2.0)


def test_it_tells_and_sets_how_many_there_are(dashboard: Dashboard) -> None:
    @ran
    async def play() -> None:
        serve = app(dashboard.url)
        standing = await serve.current()
        assert (standing.wanted, standing.price, len(standing.of("ready"))) == (1, 2.0, 1)
        assert dashboard.token == "Bearer secret"
        await serve.want(5, ["r1"])
        (put,) = dashboard.put
        assert put["applications"][0]["deployments"][0]["num_replicas"] == 5
        assert len(put["applications"]) == 2

    play()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((503, b"Serve is not running\n on it"), "answered GET with 503: Serve is not running on it"),
        ((503, b"\x1b[2Jall is well"), r"answered GET with 503:  \[2Jall is well"),
        ((302, b""), "answered GET with 302"),
        ((200, b"[" * 100_000), "no JSON object"),
        ((200, b" " * (MOST_BYTES + 1)), "answered with more than"),
        ((200, b"<html>"), "no JSON object"),
        ((200, b"[]"), "no JSON object"),
    ],
)
def test_what_goes_wrong_is_said(dashboard: Dashboard, answer: tuple[int, bytes], says: str) -> None:
    dashboard.answers = answer

    @ran
    async def play() -> None:
        with pytest.raises(ActuatorError, match=says):
            await app(dashboard.url).current()

    play()


@ran
async def test_nobody_there_is_said() -> None:
    with pytest.raises(ActuatorError, match=r"at http://127.0.0.1:1/ cannot be asked: .*refused"):
        await app("http://127.0.0.1:1").current()


@ran
async def test_how_large_its_replicas_are_its_own_config_says() -> None:
    app = ServeApp(ServeConfig(url="http://127.0.0.1:9", application="llm", deployment="Engine"))
    with pytest.raises(ActuatorError, match=r'"Engine": .* its own config \(ray_actor_options\)'):
        await app.resize(Size(cpu=4.0))


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\nx-slow: ", b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n"])
def test_an_answer_that_drips_ends_at_the_limit_and_holds_nothing(
    begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that waits for each byte could be held for good, and would hold the end of the gateway, too."""
    monkeypatch.setattr(service, "ASK_SECONDS", 0.3)
    gone = asyncio.Event()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(0.01)
        gone.set()

    @ran
    async def play() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        async with asyncio.timeout(10):
            with pytest.raises(ActuatorError, match=r"did not answer within 0\.3 s"):
                await app(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}").current()
            await gone.wait()
        server.close()

    play()
