"""One faulty upstream, and two gateways in front of it that know each fault under three models, for a whole session;
``collecting`` is the one with ``rescue: all``.

``<fault>.alone`` has nobody else, ``<fault>.pair`` a healthy second upstream, ``<fault>.fallback`` a healthy model.
``cut.<other>`` has a second upstream that is hard to continue at; ``one-seat`` takes one call at a time, ``black-hole``
never accepts a connection. Nobody is left alone for having failed, so that each test meets the same.
"""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.faults.upstream import FAULTS, FaultyUpstream, refusing_port
from tests.support.running_gateway import RunningGateway, running_gateway

HEAD = """
auth: {mode: open}
timeouts: {connect: 1s, first_token: 500ms, idle: 500ms, total: 4s}
retries: {max: 2, budget: 1}
scrape: {enabled: false}
warmup: {enabled: false}
health: {probes: off, breaker: {failures: 100000, least: 100000}}
"""


HEALTHY = ("well", "refuses-prefill", "restarts")
RESTING = ("limited", "limited-long", "out-of-quota", "unauthorized")
"""Faults after which the key of the upstream rests: each is there a second time, as ``<fault>-again``."""


def config(upstream: FaultyUpstream, refusing: int, black_hole: int, rescue: str = "on") -> str:
    """The fault is chosen first wherever two could be."""
    names = {name: upstream.url_of(name) for name in FAULTS}
    names["refused"] = f"http://127.0.0.1:{refusing}/v1"
    names |= {f"{name}-again": upstream.url_of(name) for name in RESTING}
    upstreams = [
        f'  {name}: {{kind: vllm, base_url: "{url}", weight: {1 if name in HEALTHY else 10000}}}'
        for name, url in names.items()
    ]
    endless = upstream.url_of("endless")
    upstreams += [
        f'  one-seat: {{kind: vllm, base_url: "{endless}", max_connections: 1}}',
        f'  black-hole: {{kind: vllm, base_url: "http://127.0.0.1:{black_hole}/v1"}}',
    ]
    models = [f"  {name}: {{upstreams: [{name}]}}" for name in ("well", "one-seat", "black-hole")]
    for name in names:
        if name != "well":
            models += [
                f"  {name}.alone: {{upstreams: [{name}]}}",
                f"  {name}.pair: {{upstreams: [{name}, well]}}",
                f"  {name}.fallback: {{upstreams: [{name}], fallbacks: [well]}}",
            ]
    models += [f"  cut.{name}: {{upstreams: [cut, {name}]}}" for name in HEALTHY if name != "well"]
    return "\n".join([HEAD, f"rescue: {rescue}", "upstreams:", *upstreams, "models:", *models, ""])


@pytest.fixture(scope="session")
def _faulty() -> Iterator[FaultyUpstream]:
    with FaultyUpstream() as upstream:
        yield upstream


@pytest.fixture
def faulty(_faulty: FaultyUpstream) -> FaultyUpstream:
    """The upstream, with nothing counted."""
    _faulty.reset()
    return _faulty


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full: who dials it hears nothing."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filling.connect(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture(scope="session")
def black_hole() -> Iterator[int]:
    """Its port."""
    with full_backlog() as port:
        yield port


@pytest.fixture(scope="session")
def gateway(
    _faulty: FaultyUpstream, black_hole: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    home = tmp_path_factory.mktemp("faults")
    with refusing_port() as refusing, running_gateway(home, config(_faulty, refusing, black_hole)) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def collecting(
    _faulty: FaultyUpstream, black_hole: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    home = tmp_path_factory.mktemp("collecting")
    with refusing_port() as refusing, running_gateway(home, config(_faulty, refusing, black_hole, "all")) as gateway:
        yield gateway
