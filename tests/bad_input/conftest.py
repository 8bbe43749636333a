"""A gateway with one good upstream and every kind of bad one."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import trustme

from tests.bad_input.asking import Place
from tests.faults.upstream import refusing_port
from tests.support.running_gateway import running_gateway
from tests.support.scripted_upstream import ScriptedUpstream

CONFIG = """
listen: {{max_body: 64KiB, head_timeout: 5s}}
retries: {{max: 0}}
scrape: {{enabled: false}}
health: {{probes: off, breaker: {{failures: 100000, least: 100000}}}}
timeouts: {timeouts}
upstreams:
  echo: {{kind: echo}}
  scripted: {{kind: vllm, base_url: "{scripted}"}}
  refused: {{kind: vllm, base_url: "http://127.0.0.1:{closed}/v1"}}
  full: {{kind: vllm, base_url: "http://127.0.0.1:{full}/v1"}}
  nameless: {{kind: vllm, base_url: "http://no-such-host.invalid/v1"}}
  selfsigned: {{kind: vllm, base_url: "{secure}"}}
  plaintext: {{kind: vllm, base_url: "https://127.0.0.1:{plain}/v1"}}
models:
  echo: {{upstreams: [echo]}}
  ecology: {{upstreams: [echo]}}
  scripted: {{upstreams: [scripted]}}
  refused: {{upstreams: [refused]}}
  full: {{upstreams: [full]}}
  nameless: {{upstreams: [nameless]}}
  selfsigned: {{upstreams: [selfsigned]}}
  plaintext: {{upstreams: [plaintext]}}
"""


PATIENT = "{connect: 20s, first_token: 20s, idle: 20s, total: 50s}"
HASTY = "{connect: 400ms, first_token: 1s, idle: 400ms, total: 1500ms}"
Start = Callable[[str], Place]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a gateway with such timeouts; all have the same upstreams."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with ExitStack() as stack:
        scripted = stack.enter_context(ScriptedUpstream())
        secure = stack.enter_context(ScriptedUpstream(tls))
        there = {
            "scripted": scripted.url, "secure": secure.url, "closed": stack.enter_context(refusing_port()),
            "full": _port_that_never_accepts(stack), "plain": _port_without_tls(stack),
        }  # fmt: skip

        def started(timeouts: str) -> Place:
            config = CONFIG.format(**there, timeouts=timeouts)
            return Place(stack.enter_context(running_gateway(tmp_path_factory.mktemp("bad"), config)), scripted)

        yield started


@pytest.fixture(scope="session")
def place(start: Start) -> Place:
    return start(PATIENT)


@pytest.fixture(scope="session")
def hasty(start: Start) -> Place:
    """One that waits for nobody long."""
    return start(HASTY)


@pytest.fixture
def upstream(place: Place) -> ScriptedUpstream:
    place.scripted.reset()
    return place.scripted


def _port_that_never_accepts(stack: ExitStack) -> int:
    """A listener whose queue is full: a connection to it hangs."""
    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(4):
        filler = stack.enter_context(socket.socket())
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    return listener.getsockname()[1]


def _port_without_tls(stack: ExitStack) -> int:
    """What a web server without TLS makes of a TLS greeting."""

    class Refusal(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    server = stack.enter_context(socketserver.TCPServer(("127.0.0.1", 0), Refusal))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    stack.callback(server.shutdown)
    return server.server_address[1]
