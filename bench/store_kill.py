"""Is ever half a record read? A child writes to a SQLite store as fast as it can and is killed (SIGKILL) at a random
moment, again and again over the same file; after each kill all that is in it is read and verified.

    python -m bench.store_kill --kills 100
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from penstock.store.sqlite.store import SqliteDesk
from penstock.store.store import DeskStore

KEYS = 500
KEEP = 300


def sealed(payload: bytes) -> bytes:
    """A value that says itself whether it is whole."""
    return hashlib.sha256(payload).digest() + payload


def is_whole(value: bytes) -> bool:
    return hashlib.sha256(value[32:]).digest() == value[:32]


def opened(path: str) -> DeskStore:
    return DeskStore("sqlite", lambda: SqliteDesk(path, time.time, time.monotonic), shared=True)


async def write(path: str, seed: int) -> None:
    """Put, replace, delete, append and count until killed. Says when the first write is stored."""
    store, dice = opened(path), random.Random(seed)
    table, log = store.records("things"), store.log("told", KEEP)
    number = 0
    while True:
        for _ in range(dice.randrange(1, 200)):
            key = b"%d" % dice.randrange(KEYS)
            if dice.random() < 0.2:
                table.delete([key, b"%d" % dice.randrange(KEYS)])
            else:
                table.put(key, sealed(key + dice.randbytes(dice.randrange(30_000))), time.time() + 3600)
            log.append(sealed(dice.randbytes(dice.randrange(2000))))
        await store.counters.add("rounds", 1)
        number += 1
        if number == 1:
            print("writes", flush=True)


@dataclass
class Found:
    """What was in the store after each kill."""

    kills: int = 0
    records: int = 0
    rows: int = 0
    faults: list[str] = field(default_factory=list)
    open_seconds: list[float] = field(default_factory=list)


async def verify(path: str, found: Found) -> None:
    """Read all of it."""
    began = time.perf_counter()
    store = opened(path)
    table = store.records("things")
    records = {key: value async for batch in table.scan() for key, value in batch}
    found.open_seconds.append(time.perf_counter() - began)
    for key, value in records.items():
        if not is_whole(value) or await table.get(key) != value:
            found.faults.append(f"record {key!r} is not whole")
    rows = await store.log("told", KEEP).read("", 10**6)
    positions = [int(position) for position, _ in rows]
    if positions != list(range(positions[0], positions[0] + len(rows))) or not all(is_whole(row) for _, row in rows):
        found.faults.append("the log is not whole")
    if any(row[1] == "damaged" for row in store.dump()["operations"]):
        found.faults.append("a record was damaged")
    found.records += len(records)
    found.rows += len(rows)
    await store.aclose()
    if [name for name in os.listdir(os.path.dirname(path)) if "damaged" in name]:
        found.faults.append("the file was damaged")


def run(kills: int, folder: Path, seed: int = 1, writers: int = 1) -> Found:
    """Kill ``writers`` at a time, until ``kills`` were."""
    found, dice, path = Found(), random.Random(seed), str(folder / "store.sqlite")
    while found.kills < kills:
        children = [started(path, seed + found.kills + number) for number in range(writers)]
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()
        for child in children:
            time.sleep(dice.random() * 0.25)
            child.send_signal(signal.SIGKILL)
        for child in children:
            with child:
                found.kills += 1
        asyncio.run(verify(path, found))
    return found


def started(path: str, seed: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.store_kill", "--write", path, "--seed", str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m bench.store_kill", description=__doc__)
    words.add_argument("--kills", type=int, default=100)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--writers", type=int, default=1, help="so many share the file")
    words.add_argument("--write", default="", help=argparse.SUPPRESS)
    options = words.parse_args()
    if options.write:
        asyncio.run(write(options.write, options.seed))
    with tempfile.TemporaryDirectory(prefix="penstock-kill-") as folder:
        found = run(options.kills, Path(folder), options.seed, options.writers)
    print(
        f"{found.kills} kills: {found.records} records and {found.rows} rows read, {len(found.faults)} faults,"
        f" longest opening and scan {max(found.open_seconds):.3f} s"
    )
    for fault in found.faults:
        print(fault)
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
