import asyncio
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from penstock.store.redis import store as redis_store
from penstock.store.redis.service import TooOld
from penstock.store.redis.store import RedisDesk
from tests.support.needs import missing
from tests.support.redis_server import RedisServer, free_port, old_server, redis_running
from tests.support.stores import Stores, during, scanned, until

pytestmark = pytest.mark.redis
FAR = time.time() + 3600


def with_server(
    program: str, folder: Path, work: Callable[[RedisServer, Stores], Awaitable[None]], *options: str
) -> None:
    with redis_running(program, folder, *options) as server:
        stores = Stores("redis", folder, server.url)
        stores.run(lambda: work(server, stores))


def test_all_lies_under_the_prefix_and_ends_by_itself(on_redis: Stores, server: RedisServer) -> None:
    async def work() -> None:
        store = on_redis.open()
        store.records("things").put(b"k", b"v", FAR)
        store.log("told", 5).append(b"row")
        await store.counters.add("n", 1, FAR)
        await store.counters.once("s", b"x")
        await store.flush()
        keys = sorted(server.ask("KEYS", "*"))
        assert keys == [
            b"penstock:incarnation", b"penstock:index:things", b"penstock:log:told", b"penstock:name:s",
            b"penstock:record:things:k", b"penstock:sum:n",
        ]  # fmt: skip
        assert 2_400_000 < server.ask("PTTL", "penstock:record:things:k") <= 3_600_000  # an hour from when tests began
        assert 2_400_000 < server.ask("PTTL", "penstock:sum:n") <= 3_600_000

    on_redis.run(work)


def test_a_server_killed_and_started_empty_is_noticed_and_used_again(redis_server: str, tmp_path: Path) -> None:
    async def work(server: RedisServer, stores: Stores) -> None:
        store = stores.open()
        table, log = store.records("things"), store.log("told", 50)
        for number in range(10):
            log.append(b"%d" % number)
        table.put(b"k", b"v", FAR)
        await store.flush()
        position, first = await log.last(), store.incarnation
        async with during(log.read(position, 5, 30.0)) as following:
            server.kill()
            assert await table.get(b"k") is None
            assert await scanned(store, "things") == {}
            with pytest.raises(OSError, match="redis at"):
                await store.counters.add("n", 1)
            assert table.put(b"meanwhile", b"v", FAR)
            assert not store.dump()["reachable"]
            server.start()
            await until(lambda: store.incarnation != first)
            with pytest.raises(LookupError):  # Missed: the log has begun anew
                await following
        await until(lambda: store.dump()["queued"] == 0)
        await store.flush()
        assert await scanned(store, "things") == {b"meanwhile": b"v"}  # what was queued meanwhile
        log.append(b"new")
        await store.flush()
        assert [row for _, row in await log.read("", 5)] == [b"new"]
        assert store.dump()["reachable"]

    with_server(redis_server, tmp_path, work)


def test_a_server_emptied_while_connected_is_noticed(redis_server: str, tmp_path: Path) -> None:
    async def work(server: RedisServer, stores: Stores) -> None:
        one, other = stores.open(), stores.open()
        for store in (one, other):
            await store.log("told", 5).last()
        first = one.incarnation
        assert first == other.incarnation != ""
        server.ask("FLUSHALL")
        began = time.monotonic()
        await until(lambda: first not in (one.incarnation, other.incarnation))
        assert time.monotonic() - began < 3.0
        assert one.incarnation == other.incarnation

    with_server(redis_server, tmp_path, work)


def test_a_server_that_hangs_holds_no_call(redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(server: RedisServer, stores: Stores) -> None:
        store = stores.open()
        table = store.records("things")
        table.put(b"k", b"v", FAR)
        await store.flush()
        server.signal(signal.SIGSTOP)
        began = time.monotonic()
        assert await table.get(b"k") is None
        assert time.monotonic() - began < 1.5
        began = time.monotonic()
        for _ in range(200):
            assert await table.get(b"k") is None
            assert table.put(b"k", b"later", FAR)
        assert time.monotonic() - began < 0.5  # no second call waits
        async with asyncio.timeout(15):
            await store.flush()
        server.signal(signal.SIGCONT)
        await until(lambda: store.dump()["reachable"])
        await until(lambda: store.dump()["queued"] == 0)
        await store.flush()
        assert await table.get(b"k") == b"later"

    with_server(redis_server, tmp_path, work)


def test_the_end_waits_for_no_server_that_hangs(redis_server: str, tmp_path: Path) -> None:
    async def work(server: RedisServer, stores: Stores) -> None:
        store = stores.open()
        await store.log("told", 5).last()
        server.signal(signal.SIGSTOP)
        store.records("things").put(b"k", b"v", FAR)
        began = time.monotonic()
        await store.aclose()
        assert time.monotonic() - began < 5.0
        assert store.dump()["lost"] >= 1

    with_server(redis_server, tmp_path, work)


def test_a_server_whose_memory_is_full_refuses_and_is_said_to(redis_server: str, tmp_path: Path) -> None:
    async def work(server: RedisServer, stores: Stores) -> None:
        store = stores.open()
        table = store.records("things")
        for number in range(40):
            table.put(b"%d" % number, bytes(100_000), FAR)
        await store.flush()
        dump = store.dump()
        assert dump["lost"] > 0
        assert "maxmemory" in dump["trouble"]
        assert not dump["reachable"]
        server.ask("CONFIG", "SET", "maxmemory", "0")
        table.put(b"k", b"v", FAR)
        await store.flush()
        assert await table.get(b"k") == b"v"
        assert store.dump()["reachable"]

    with_server(redis_server, tmp_path, work, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction")


def test_records_that_the_server_evicted_are_misses(redis_server: str, tmp_path: Path) -> None:
    async def work(server: RedisServer, stores: Stores) -> None:
        store = stores.open()
        table = store.records("things")
        for number in range(100):
            table.put(b"%d" % number, bytes(100_000), FAR)
        await store.flush()
        kept = await scanned(store, "things")
        assert 0 < len(kept) < 100
        assert all(value == bytes(100_000) for value in kept.values())

    with_server(redis_server, tmp_path, work, "--maxmemory", "5mb", "--maxmemory-policy", "volatile-lru")


def test_keys_of_ended_records_leave_the_index(
    on_redis: Stores, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "TIDY_CHECKS", 1)
    monkeypatch.setattr(redis_store, "CHECK_SECONDS", 0.02)

    async def work() -> None:
        store = on_redis.open()
        table = store.records("things")
        table.put(b"k", b"v", FAR)
        table.put(b"short", b"v", time.time() + 0.05)
        await store.flush()
        server.ask("ZADD", "penstock:index:things", int((time.time() - 120) * 1000), "long ago")
        await until(lambda: server.ask("ZRANGE", "penstock:index:things", 0, -1) == [b"short", b"k"])

    on_redis.run(work)


def test_a_server_that_is_not_there_at_the_start_is_used_when_it_comes(redis_server: str, tmp_path: Path) -> None:
    async def main() -> None:
        server = RedisServer(redis_server, tmp_path)
        desk = RedisDesk(server.url, time.time, time.monotonic)
        await desk.begin(1.0)
        assert desk.incarnation == ""
        assert not desk.numbers()["reachable"]
        server.start()
        try:
            await until(lambda: desk.incarnation)
            await until(lambda: desk.numbers()["reachable"])
        finally:
            await desk.aclose()
            server.kill()

    asyncio.run(main())


def test_an_old_server_is_refused_at_the_start() -> None:
    async def main() -> None:
        server, port = await old_server()
        desk = RedisDesk(f"redis://127.0.0.1:{port}/0", time.time, time.monotonic)
        with pytest.raises(TooOld, match=r"Redis 6\.2\.14"):
            await desk.begin(2.0)
        await desk.aclose()
        server.close()

    asyncio.run(main())


def test_tls_is_spoken_and_a_strange_certificate_refused(
    redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    port = str(free_port())
    server = RedisServer(
        redis_server, tmp_path, "--port", "0", "--tls-port", port, "--tls-auth-clients", "no",
        "--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key.pem"),
        "--tls-ca-cert-file", str(tmp_path / "ca.pem"),
    )  # fmt: skip
    server.port = int(port)
    try:
        server.start()
    except RuntimeError:
        missing("a redis-server that speaks TLS")
    url = f"rediss://localhost:{server.port}/0"

    async def good() -> None:
        desk = RedisDesk(url, time.time, time.monotonic)
        await desk.begin(2.0)
        assert desk.incarnation
        await desk.aclose()

    async def bad() -> None:
        desk = RedisDesk(url, time.time, time.monotonic)
        await desk.begin(2.0)
        assert not desk.incarnation
        assert "certificate" in desk.numbers()["trouble"].lower()
        await desk.aclose()

    try:
        asyncio.run(bad())
        monkeypatch.setenv("SSL_CERT_FILE", os.path.join(tmp_path, "ca.pem"))
        asyncio.run(good())
    finally:
        server.kill()


def test_a_scan_of_large_and_small_records_gives_all(on_redis: Stores) -> None:
    async def work() -> None:
        store = on_redis.open()
        table = store.records("things")
        wanted = {b"%d\x00" % number: bytes(300_000 if number % 9 == 0 else number) for number in range(300)}
        for key, value in wanted.items():
            table.put(key, value, FAR)
        await store.flush()
        assert await scanned(store, "things") == wanted

    on_redis.run(work)


def test_a_user_with_the_rights_that_the_guide_names_may_do_all(redis_server: str, tmp_path: Path) -> None:
    async def work(server: RedisServer, stores: Stores) -> None:
        guide = (Path(__file__).parents[3] / "docs" / "how-to" / "store.md").read_text()
        found = re.search(r"`(~penstock:\* [^`]+)`", guide)
        assert found is not None
        server.ask("ACL", "SETUSER", "gate", "on", ">pass/word", *found[1].split())
        stores.url = f"redis://gate:pass%2Fword@127.0.0.1:{server.port}/1"
        store = stores.open()
        table, log = store.records("things"), store.log("told", 5)
        table.put(b"k", b"v", FAR)
        table.delete([b"other"])
        log.append(b"row")
        await store.flush()
        assert await table.get(b"k") == b"v"
        assert await scanned(store, "things") == {b"k": b"v"}
        assert [row for _, row in await log.read("", 5, 1.0)] == [b"row"]
        assert await log.read("1", 5, 0.4) == []
        assert await store.counters.add("n", 2, FAR) == 2
        assert await store.counters.once("s", b"x") == b"x"
        assert store.incarnation
        assert (store.dump()["trouble"], store.dump()["lost"]) == ("", 0)

    with_server(redis_server, tmp_path, work)
