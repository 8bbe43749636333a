"""Any sequence of writes leaves a store as it leaves a plain dict."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.store.store import DeskStore
from tests.support.redis_server import RedisServer
from tests.support.stores import Stores, scanned

KEYS = st.sampled_from([b"", b"a", b"b", b"\x00", b"a\x00", b"\xff" * 20])
VALUES = st.one_of(st.binary(max_size=40), st.integers(0, 200_000).map(bytes))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, VALUES, st.sampled_from([3600.0, 3600.0, 3600.0, -1.0])),
        st.tuples(st.just("delete"), st.lists(KEYS, max_size=3)),
        st.tuples(st.just("append"), st.binary(max_size=40)),
        st.tuples(st.just("add"), st.integers(-(10**12), 10**12)),
        st.just(("flush",)),
    ),
    max_size=30,
)
LIMITS = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def judged(store: DeskStore, steps: list[Any]) -> None:
    table, log = store.records("things"), store.log("told", 1000)
    model: dict[bytes, bytes] = {}
    rows: list[bytes] = []
    total = 0
    for step in steps:
        match step:
            case ("put", key, value, seconds):
                assert table.put(key, value, time.time() + seconds)
                model.pop(key, None)
                if seconds > 0:
                    model[key] = value
            case ("delete", keys):
                assert table.delete(keys)
                for key in keys:
                    model.pop(key, None)
            case ("append", row):
                assert log.append(row)
                rows.append(row)
            case ("add", amount):
                total += amount
                assert await store.counters.add("sum", amount) == total
            case _:
                await store.flush()
                assert await scanned(store, "things") == model
    await store.flush()
    assert await scanned(store, "things") == model
    for key in (b"", b"a", b"b", b"\x00", b"a\x00", b"\xff" * 20):
        assert await table.get(key) == model.get(key)
    assert [row for _, row in await log.read("", 1000)] == rows


def judge(kind: str, steps: list[Any], url: str = "") -> None:
    with tempfile.TemporaryDirectory() as folder:
        stores = Stores(kind, Path(folder), url)
        stores.run(lambda: judged(stores.open(), steps))


@LIMITS
@given(STEPS)
def test_memory(steps: list[Any]) -> None:
    judge("memory", steps)


@LIMITS
@given(STEPS)
def test_sqlite(steps: list[Any]) -> None:
    judge("sqlite", steps)


@LIMITS
@given(steps=STEPS)
def test_redis(server: RedisServer, steps: list[Any]) -> None:
    server.ask("FLUSHALL")
    judge("redis", steps, server.url)
