"""Each kind of store in turn, each that is shared, and a server for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.needs import missing
from tests.support.redis_server import RedisServer, redis_running
from tests.support.stores import Stores


@pytest.fixture(scope="session")
def server(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One that all tests of this run share; nobody may stop it."""
    try:
        import redis  # noqa: F401
    except ImportError:
        missing("the extra redis is not installed")
    with redis_running(redis_server, tmp_path_factory.mktemp("redis")) as running:
        yield running


def _stores(kind: str, folder: Path, request: pytest.FixtureRequest) -> Stores:
    if kind != "redis":
        return Stores(kind, folder)
    running: RedisServer = request.getfixturevalue("server")
    running.ask("FLUSHALL")
    return Stores(kind, folder, running.url)


@pytest.fixture(params=["memory", "sqlite", "redis"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    return _stores(request.param, tmp_path, request)


@pytest.fixture(params=["sqlite", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    return _stores(request.param, tmp_path, request)


@pytest.fixture
def on_redis(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    return _stores("redis", tmp_path, request)
