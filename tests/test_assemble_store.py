import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from penstock.assemble_store import open_store, store_path
from penstock.config import Config
from penstock.core.clock import RealClock
from penstock.core.settings import ConfigError
from penstock.process.loop import run
from tests.support.gateway import ECHO, OPEN_ECHO, running_gateway
from tests.support.redis_server import old_server, redis_running

FAR = time.time() + 3600


def config(text: str) -> Config:
    return Config.parse(OPEN_ECHO + text, "penstock.yaml", {})


def test_the_file_lies_where_the_config_says_else_beside_the_key_file() -> None:
    home = {"HOME": "/users/me", "XDG_CONFIG_HOME": ""}
    assert store_path(config(""), home) == "/users/me/.config/penstock/store.sqlite"
    assert store_path(config("store: sqlite"), {"XDG_CONFIG_HOME": "/state"}) == "/state/penstock/store.sqlite"
    assert store_path(config("store: 'sqlite:/srv/x.db'"), home) == "/srv/x.db"
    assert store_path(config("store: 'sqlite:x.db'"), home) == os.path.abspath("x.db")
    keyed = Config.parse(ECHO + "auth: {key_file: /etc/penstock/keys.json}", "penstock.yaml", {})
    assert store_path(keyed, home) == "/etc/penstock/store.sqlite"


def test_each_kind_is_opened_by_its_name(tmp_path: Path) -> None:
    async def main() -> None:
        memory = await open_store(config("store: memory"), RealClock(), {})
        assert memory is not None
        assert not memory.shared
        memory.records("things").put(b"k", b"v", FAR)
        assert await memory.records("things").get(b"k") == b"v"
        kept = await open_store(config(f"store: 'sqlite:{tmp_path}/s.db'"), RealClock(), {})
        assert kept is not None
        assert kept.shared
        assert not (tmp_path / "s.db").exists()  # opened by the first who asks
        kept.records("things").put(b"k", b"v", FAR)
        await kept.flush()
        assert (tmp_path / "s.db").exists()
        await kept.aclose()

    run(main())


def test_a_file_of_a_newer_version_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")

    async def main() -> None:
        with pytest.raises(ConfigError, match=r"penstock\.yaml: store: .*s\.db cannot be used: it is of version 99"):
            await open_store(config(f"store: 'sqlite:{path}'"), RealClock(), {})

    run(main())


def test_redis_without_its_library_is_refused_with_the_name_of_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(
        ConfigError, match=r"penstock\.yaml:4: .* needs the extra redis: pip install 'penstock\[redis\]'"
    ):
        config("store: 'redis://127.0.0.1:1/0'")


def test_an_address_that_is_none_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match=r"penstock\.yaml: store: Port could not") as caught:
            await open_store(config("store: 'redis://:s3cret@127.0.0.1:nine/0'"), RealClock(), {})
        assert "s3cret" not in str(caught.value)

    run(main())


def test_an_old_server_is_refused_by_its_version() -> None:
    async def main() -> None:
        server, port = await old_server()
        with pytest.raises(ConfigError, match=r"penstock\.yaml: store: the server is Redis 6\.2\.14"):
            await open_store(config(f"store: 'redis://127.0.0.1:{port}/0'"), RealClock(), {})
        server.close()

    run(main())


@pytest.mark.redis
def test_a_redis_server_that_is_away_stops_no_start(redis_server: str, tmp_path: Path) -> None:
    async def main() -> None:
        with redis_running(redis_server, tmp_path) as server:
            store = await open_store(config(f"store: '{server.url}'"), RealClock(), {})
            assert store is not None
            assert store.incarnation
            assert store.dump()["reachable"]
            await store.aclose()
        away = await open_store(config(f"store: '{server.url}'"), RealClock(), {})
        assert away is not None
        assert away.incarnation == ""
        assert "connecting to 127.0.0.1" in away.dump()["trouble"]
        assert await away.records("things").get(b"k") is None
        await away.aclose()

    run(main())


def test_a_gateway_has_a_store_for_all_its_life() -> None:
    async def main() -> None:
        async with running_gateway() as gateway:
            store = gateway.gateway.store
            assert store is not None
            store.records("things").put(b"k", b"v", FAR)
            gateway.path.write_text(gateway.path.read_text() + "observe: {recent: 5}\n")
            assert (await gateway.team.reload())["ok"]
            assert gateway.gateway.store is store
            assert await store.records("things").get(b"k") in (b"v", None)
            folder = gateway.path.parent
            await store.flush()
            assert (folder / "store.sqlite").stat().st_mode & 0o777 == 0o600
        assert not (folder / "store.sqlite-wal").exists()  # closed in order
        assert not await store.records("things").get(b"k")

    run(main())


def test_another_store_needs_a_restart_and_says_so() -> None:
    async def main() -> None:
        async with running_gateway() as gateway:
            gateway.path.write_text(gateway.path.read_text() + "store: memory\n")
            told = await gateway.team.reload()
            assert not told["ok"]
            assert "store cannot change while running; restart to change it" in told["problems"][0]

    run(main())


def test_how_the_store_is_stands_in_the_status() -> None:
    async def main() -> None:
        async with running_gateway() as gateway:
            status = await gateway.team.status()
            assert status["workers"][0]["store"]["kind"] == "sqlite"
            assert status["workers"][0]["store"]["reachable"] is True

    run(main())
