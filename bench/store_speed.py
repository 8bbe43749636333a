"""What a store costs: queueing a write (what a call pays), storing, reading one, and a start with many records.

python -m bench.store_speed [--records 100000] [--redis redis://127.0.0.1:6379/0]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from bench.stats import median
from penstock.store.redis.store import RedisDesk
from penstock.store.sqlite.store import SqliteDesk
from penstock.store.store import DeskStore


def opened(where: str) -> DeskStore:
    if where.startswith("redis"):
        return DeskStore("redis", lambda: RedisDesk(where, time.time, time.monotonic), shared=True)
    return DeskStore("sqlite", lambda: SqliteDesk(where, time.time, time.monotonic), shared=True)


async def filled(store: DeskStore, records: int, size: int) -> tuple[float, float]:
    """Seconds that one ``put`` took, and all of it."""
    table, far = store.records("things"), time.time() + 3600
    queueing = 0.0
    began = time.perf_counter()
    for number in range(records):
        key, value = os.urandom(32), os.urandom(size)
        start = time.perf_counter()
        table.put(key, value, far)
        queueing += time.perf_counter() - start
        if number % 10_000 == 9_999:
            await store.flush()
    await store.flush()
    return queueing / records, time.perf_counter() - began


async def scanned(where: str) -> tuple[float, list[bytes]]:
    """Seconds from nothing to all records of a store that was closed, and their keys."""
    store = opened(where)
    began = time.perf_counter()
    keys = [key async for batch in store.records("things").scan() for key, _ in batch]
    seconds = time.perf_counter() - began
    await store.aclose()
    return seconds, keys


async def got(where: str, keys: list[bytes]) -> float:
    """Median seconds of one ``get``, one after the other."""
    store = opened(where)
    table = store.records("things")
    await table.get(keys[0])
    times = []
    for key in keys[:2000]:
        start = time.perf_counter()
        assert await table.get(key) is not None
        times.append(time.perf_counter() - start)
    await store.aclose()
    return median(times)


async def measure(where: str, records: int, size: int) -> str:
    store = opened(where)
    queueing, seconds = await filled(store, records, size)
    await store.aclose()
    opening, keys = await scanned(where)
    assert len(keys) == records
    one = await got(where, keys)
    return (
        f"{records} records of {size} bytes: put {queueing * 1e6:.1f} µs, stored {records / seconds:.0f}/s, get"
        f" {one * 1e6:.0f} µs, open and scan all {opening:.2f} s"
    )


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.store_speed", description=__doc__)
    words.add_argument("--records", type=int, default=100_000)
    words.add_argument("--size", type=int, default=200)
    words.add_argument("--redis", default="", help="an empty server to measure too; it is not emptied afterwards")
    options = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="penstock-store-") as folder:
        print("sqlite", asyncio.run(measure(str(Path(folder, "s.sqlite")), options.records, options.size)))
    if options.redis:
        print("redis ", asyncio.run(measure(options.redis, options.records, options.size)))


if __name__ == "__main__":
    main()
