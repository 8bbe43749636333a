"""What history leaves in a SQLite store, what a window costs to write, and how long questions take.

python -m bench.history_size [--calls 1000000] [--days 30] [--rate 200]

First calls in virtual time through the tally, the rollups and the store, as the leading worker does it: 5 models at 8
upstreams, 100 keys. Then a store as it is after so many days of that: windows of each tier, as long as it is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import glob
import json
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from bench.stats import median
from penstock.assemble_history import Past
from penstock.assemble_observation import MOST_HELD
from penstock.config import Config
from penstock.core.finished import Finished, Record
from penstock.core.windows import COUNTS, GAUGES, SPAN, SUMS, Window
from penstock.history.gathering import Gathering
from penstock.history.packing import HEAD, packed
from penstock.history.rollup import rolled
from penstock.history.tally import Tally
from penstock.history.tiers import HOUR, MINUTE, TEN, Tier
from penstock.store.sqlite.store import SqliteDesk
from penstock.store.store import DeskStore

MODELS, UPSTREAMS, KEYS = 5, 8, 100
BEGIN = 1_800_000_000.0
KEEP = {"ten_seconds": 6 * 3600.0, "minute": 3 * 86_400.0, "hour": 400 * 86_400.0}
QUESTIONS: dict[str, dict[str, str]] = {
    "6 hours, usual": {"since": "-6h"},
    "a day, ttft_p95": {"since": "-1d", "measures": "ttft_p95"},
    "3 days, total_p95": {"since": "-3d", "measures": "total_p95"},
    "30 days, usual": {"since": "-30d"},
    "30 days by model": {"since": "-30d", "measures": "ttft_p95", "by": "model"},
    "30 days by upstream": {"since": "-30d", "measures": "ttft_p95", "by": "upstream"},
    "30 days, one model by upstream": {"since": "-30d", "measures": "ttft_p95", "model": "model-3", "by": "upstream"},
    "30 days by key": {"since": "-30d", "dimension": "key"},
}


def call(dice: random.Random, at: float) -> Record:
    """One that ended at ``at``."""
    model = dice.randrange(MODELS)
    stream, hit, failed = dice.random() < 0.7, dice.random() < 0.2, dice.random() < 0.01
    first = 0.002 if hit else 0.2 * (1 + model) * dice.lognormvariate(0, 0.4)
    total = first + (0.01 if hit else dice.lognormvariate(0.5, 0.7))
    facts: dict[str, Any] = dict.fromkeys(Finished._fields, 0)
    facts |= {
        "at": at, "id": "id", "operation": "chat", "model": f"model-{model}",
        "upstream": f"upstream-{dice.randrange(UPSTREAMS)}", "key": f"key_{dice.randrange(KEYS):08x}",
        "tags": f"team:{dice.randrange(10)}", "status": 200, "outcome": "ok", "fault": "upstream" if failed else "",
        "error": "upstream_timeout" if failed else "", "stream": stream, "cache": "hit-exact" if hit else "miss",
        "degraded": "", "batch": "", "hedge": "", "attempts": 0 if hit else 1, "total": total,
        "first_byte": first if stream else 0.0, "answering": first, "connecting": 0.0, "waited": 0.0 if hit else total,
        "queued": dice.expovariate(20) if dice.random() < 0.1 else 0.0, "overhead": 1e-4 * dice.lognormvariate(0, 0.4),
        "tokens_in": dice.randrange(50, 6000), "tokens_out": dice.randrange(5, 900), "bytes_in": 4000,
        "bytes_out": 3000, "cost": dice.randrange(20_000), "waits": {"queue": 0.001}, "rooms": None, "known": True,
    }  # fmt: skip
    return tuple(facts.values())


def windows(dice: random.Random, number: int, rate: float, begin: float) -> Iterator[tuple[Window, float]]:
    """As many with ``rate`` calls a second, each with the seconds that counting its calls took."""
    tally = Tally(begin)
    for one in range(number):
        rows = [call(dice, begin + SPAN * one + at / rate) for at in range(int(rate * SPAN))]
        began = time.thread_time()
        for at in range(0, len(rows), MOST_HELD):  # as they are handed on
            tally.take(rows[at : at + MOST_HELD])
        tally.close(begin + SPAN * (one + 1), {gauge: dice.random() * 1000 for gauge in GAUGES})
        yield tally.over(begin + SPAN * one - 1)[0], time.thread_time() - began


class Place:
    """A history in a file of its own, at a time that is set."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.now = BEGIN
        self.store = DeskStore("sqlite", lambda: SqliteDesk(path, lambda: self.now, time.monotonic), shared=True)
        clock = SimpleNamespace(wall=lambda: self.now)
        watching: Any = SimpleNamespace(gateway=SimpleNamespace(clock=clock, store=self.store), leads=True, takers=[])
        watching.answers, watching.gathering = {}, Gathering(0.0)
        self.past = Past(watching)
        self.past.follow(Config.from_environment({}, frozenset()))

    async def size(self) -> int:
        """Bytes of the file and of its log."""
        await self.store.flush()
        return sum(os.path.getsize(path) for path in glob.glob(f"{self.path}*"))  # noqa: ASYNC240 - nothing else runs


async def calls(path: str, number: int, rate: float) -> None:
    """So many through all of it."""
    place = Place(path)
    dice = random.Random(7)
    counting, writing = [], []
    for window, spent in windows(dice, int(number / rate / SPAN), rate, BEGIN):
        place.now = window.start + SPAN
        began = time.thread_time()
        await place.past._write(window)
        writing.append(time.thread_time() - began)
        counting.append(spent / window.calls)
    print(f"{number:,} calls in {len(writing)} windows: {await place.size() / 1e6:.1f} MB in the file")
    print(f"  a call counted: {1e6 * median(counting):.1f} µs; least {1e6 * min(counting):.1f}")
    print(f"  a window written, with its share of minutes and hours: {1e3 * median(writing):.1f} ms; most"
          f" {1e3 * max(writing):.1f} (an hour's end)")  # fmt: skip
    await place.store.aclose()


def some(dice: random.Random, tier: Tier, rate: float, number: int) -> list[Window]:
    """Windows of ``tier``, each with as many calls as it has: of fewer, counted several times."""
    made = []
    for _ in range(number):
        real = min(tier.span, 600.0)
        (window,) = rolled((one for one, _ in windows(dice, int(real / SPAN), rate, BEGIN)), real)
        times = int(tier.span / real)
        for group in window.groups:
            for name in COUNTS:
                setattr(group, name, {at: count * times for at, count in getattr(group, name).items()})
            for name in SUMS:
                setattr(group, name, getattr(group, name) * times)
        made.append(msgspec.structs.replace(window, seconds=tier.span, covered=tier.span))
    return made


async def fill(place: Place, days: float, rate: float) -> dict[str, int]:
    """What is kept of ``days`` before BEGIN, when the last minute and hour have not ended. Gives the mean bytes of a
    window, by tier."""
    shelf, ladder = place.past._shelf, place.past._ladder
    assert shelf is not None
    dice = random.Random(8)
    puts: list[tuple[float, Tier, dict[str, bytes]]] = []
    sizes = {}
    for tier in (TEN, MINUTE, HOUR):
        those = some(dice, tier, rate, 6)
        pool = [packed(window) for window in those]
        count = int(min(KEEP[tier.name], days * 86_400) / tier.span)
        for back in range(count, 0 if tier is TEN else 1, -1):
            start = BEGIN - back * tier.span
            one = dice.randrange(len(pool))
            head = packed(msgspec.structs.replace(those[one], start=start), [HEAD])
            puts.append((start, tier, pool[one] | head))
        lengths = [sum(map(len, columns.values())) for _, one_tier, columns in puts if one_tier is tier]
        sizes[tier.name] = sum(lengths) // max(1, len(lengths))
        if tier is not TEN:  # as if all of it were of its beginning
            step = (MINUTE, HOUR).index(tier)
            ladder.add(msgspec.structs.replace(those[0], start=BEGIN - tier.span, seconds=SPAN), step)
    for number, (start, tier, columns) in enumerate(sorted(puts, key=lambda put: put[0] + put[1].span)):
        place.now = start + tier.span
        await shelf.put(tier, start, columns)
        if tier is TEN or number % 20 == 0:
            shelf.mark(start)
        if number % 20 == 0:
            await place.store.flush()
    shelf.mark(BEGIN - SPAN)
    shelf._first = BEGIN - days * 86_400
    shelf.mark(BEGIN - SPAN)
    place.now = BEGIN
    return sizes


async def timed(ask: Callable[[], Awaitable[dict[str, Any]]], rounds: int) -> tuple[list[float], dict[str, Any]]:
    """Median and least seconds, least seconds of CPU (the reading thread's among them), and the answer."""
    spent, worked = [], []
    for _ in range(rounds):
        began, busy = time.perf_counter(), time.process_time()
        told = await ask()
        spent.append(time.perf_counter() - began)
        worked.append(time.process_time() - busy)
    return [median(spent), min(spent), min(worked)], told


async def kept(path: str, days: float, rate: float, rounds: int) -> None:
    """A store as it is after ``days``."""
    place = Place(path)
    sizes = await fill(place, days, rate)
    print(f"{days:.0f} days at {rate:.0f} calls/s: {await place.size() / 1e6:.1f} MB in the file; a packed window has"
          f" {', '.join(f'{size / 1000:.1f} kB ({name})' for name, size in sizes.items())}")  # fmt: skip
    for name, asked in QUESTIONS.items():
        (seconds, least, busy), told = await timed(lambda asked=asked: place.past.answer(asked), rounds)  # type: ignore[misc]
        points = sum(value is not None for one in told["series"] for value in next(iter(one["points"].values())))
        shape = f"{len(told['series'])} series, {len(told['times'])} steps of {told['step']:.0f} s, {points} points"
        print(f"  {name}: {1e3 * seconds:.0f} ms, least {1e3 * least:.0f}, CPU {1e3 * busy:.0f}")
        print(f"    ({shape}, {len(json.dumps(told)) / 1000:.0f} kB)")
    await place.store.aclose()


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.history_size", description=__doc__)
    words.add_argument("--calls", type=int, default=1_000_000)
    words.add_argument("--days", type=float, default=30)
    words.add_argument("--rate", type=float, default=200, help="calls a second")
    words.add_argument("--rounds", type=int, default=9)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(calls(str(Path(folder, "calls.sqlite")), given.calls, given.rate))
        asyncio.run(kept(str(Path(folder, "kept.sqlite")), given.days, given.rate, given.rounds))


if __name__ == "__main__":
    main()
