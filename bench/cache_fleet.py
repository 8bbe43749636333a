"""Is the cache of a fleet one cache? Two gateways of four workers each on one redis-server, on one machine.

An answer stored through one worker: how soon does it hit on all eight? Deleted, or flushed by its tag, on one: how soon
is it gone on all? Then Redis is killed under load and comes back empty: no wrong answer, no failed call, and the cache
fills again; and is away for a moment, in which something is flushed. Exits 1 when something took longer than a second,
or was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import uvloop

from bench import machine
from bench.fleet import GATEWAYS, WORKERS, Fleet, Outcome, fleet, look, spread
from bench.questions import ask, exchange, fault
from bench.stats import number, percentile, table

BAR_SECONDS = 1.0
KNOWN = 200
"""Questions that the load asks again and again."""
DOOMED = 16
AWAY_SECONDS = 2.0
"""A line to a Redis that was away is tried anew after so long at the latest."""


async def rounds(those: Fleet, count: int, outcome: Outcome, dice: random.Random) -> None:
    """Store one, see it everywhere, let it go, see it nowhere; another one, flushed by its tag."""
    for turn in range(count):
        for by_tag in (False, True):
            question, tag = f"round {turn}{' by tag' * by_tag}", f"tag-{turn}"
            first = await ask(
                dice.choice(those.gateways).port, question, stream=dice.random() < 0.5, tags=tag if by_tag else ""
            )
            if wrong := fault(first, question):
                outcome.faults.append(wrong)
            outcome.stored.append(await spread(those, question, outcome, True, first.at))
            path = f"/admin/v1/cache?tag={tag}"
            if not by_tag:
                known = [told.entry for _, told in await look(those, question) if told.entry]
                path = f"/admin/v1/cache/{known[0] if known else 'unknown'}"
            said = await exchange(dice.choice(those.gateways).port, "DELETE", path)
            since = time.monotonic()
            if b'"deleted":1' not in said:
                outcome.faults.append(f"{question}: DELETE {path} said {said[-300:]!r}")
            (outcome.flushed if by_tag else outcome.deleted).append(
                await spread(those, question, outcome, False, since)
            )
            outcome.faults += [f"{question}: came back" for _, told in await look(those, question) if told.hit]


async def keep_asking(
    those: Fleet,
    outcome: Outcome,
    dice: random.Random,
    pause: float,
    over: Callable[[], bool],
    after: Callable[[], bool],
) -> None:
    """One caller of the load: two of three questions are known ones, the others nobody has asked."""
    while not over():
        known = dice.random() < 2 / 3
        question = f"known {dice.randrange(KNOWN)}" if known else f"new {dice.getrandbits(64):x}"
        began = time.monotonic()
        told = await ask(dice.choice(those.gateways).port, question, stream=dice.random() < 0.5)
        outcome.calls += 1
        outcome.hits += told.hit
        outcome.hits_after += told.hit and after()
        outcome.slowest = max(outcome.slowest, time.monotonic() - began)
        if wrong := fault(told, question):
            outcome.faults.append(wrong)
        await asyncio.sleep(pause * dice.random() * 2)


async def moments(those: Fleet, count: int, outcome: Outcome, dice: random.Random) -> None:
    """Redis is away for a moment and comes back with what it had; what was flushed meanwhile goes everywhere."""
    for turn in range(count):
        tag, questions = f"moment-{turn}", [f"moment {turn} {number}" for number in range(4)]
        for question in questions:
            first = await ask(dice.choice(those.gateways).port, question, tags=tag)
            await spread(those, question, outcome, True, first.at)
        those.redis.kill()
        await exchange(dice.choice(those.gateways).port, "DELETE", f"/admin/v1/cache?tag={tag}")
        await asyncio.sleep(dice.random())
        those.redis.start()
        back = time.monotonic()
        for one in those.gateways:
            await one.until_ready()
        outcome.flushed_away.append(
            max([await spread(those, question, outcome, False, back) for question in questions])
        )
        await asyncio.sleep(1.5)  # by then each worker has met Redis again, and has read anew where it must
        for question in questions:
            outcome.faults += [f"{question}: came back" for _, told in await look(those, question) if told.hit]


async def doom(those: Fleet, outcome: Outcome) -> list[str]:
    """Stored while Redis is away and nobody has noticed, and flushed at the other gateway: it must not come back."""
    doomed = [f"doomed {turn}" for turn in range(DOOMED)]
    told = await asyncio.gather(*(ask(those.gateways[0].port, one, tags="doomed") for one in doomed))
    outcome.faults += [wrong for one, question in zip(told, doomed, strict=True) if (wrong := fault(one, question))]
    await exchange(those.gateways[1].port, "DELETE", "/admin/v1/cache?tag=doomed")
    return doomed


async def emptied(those: Fleet, outcome: Outcome, seconds: float, callers: int, rate: float, seed: int) -> None:
    """Load; Redis is killed after a third of it, and back, empty, after another."""
    moment = {"over": False, "back": False}
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for n in range(callers):
            dice = random.Random(seed * 1000 + n)
            group.create_task(
                keep_asking(those, outcome, dice, callers / rate, lambda: moment["over"], lambda: moment["back"])
            )
        await asyncio.sleep(seconds / 3)
        those.redis.kill()
        away = time.monotonic()
        doomed = await doom(those, outcome)
        await asyncio.sleep(seconds / 3)
        those.redis.start(empty=True)
        back = time.monotonic()
        outcome.away_seconds = back - away
        for one in those.gateways:
            await one.until_ready()
        outcome.ready_again = time.monotonic() - back
        moment["back"] = True
        for question in doomed:
            outcome.faults += [f"{question}: came back" for _, told in await look(those, question) if told.hit]
        await asyncio.sleep(seconds / 3)
        moment["over"] = True
    outcome.load_seconds = time.monotonic() - began
    if not outcome.hits_after:
        outcome.faults.append("no hit after Redis had come back")


async def fill_again(those: Fleet, count: int, outcome: Outcome, dice: random.Random) -> None:
    """What is stored now hits everywhere as before."""
    for turn in range(count):
        question = f"after all {turn}"
        first = await ask(dice.choice(those.gateways).port, question)
        outcome.filled_again.append(await spread(those, question, outcome, True, first.at))


async def measure(
    count: int, seconds: float, callers: int, rate: float, seed: int = 1, workers: int = WORKERS
) -> Outcome:
    """All of it."""
    outcome, dice = Outcome(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="penstock-fleet-") as folder:
        async with fleet(Path(folder), workers) as those:
            outcome.workers = len(those.places)
            if len(those.places) != GATEWAYS * workers:
                outcome.faults.append(f"only {sorted(those.places)} answered")
                return outcome
            await rounds(those, count, outcome, dice)
            await moments(those, max(1, count // 5), outcome, dice)
            await emptied(those, outcome, seconds, callers, rate, seed)
            await fill_again(those, min(count, 5), outcome, dice)
    return outcome


def problems(outcome: Outcome, bar: float = BAR_SECONDS) -> list[str]:
    """Which promises were not kept."""
    series = {"stored": outcome.stored, "deleted": outcome.deleted, "flushed": outcome.flushed,
              "filled again": outcome.filled_again}  # fmt: skip
    late = [f"{name}: {max(times):.2f} s until all workers knew" for name, times in series.items()
            if times and max(times) > bar]  # fmt: skip
    if outcome.flushed_away and max(outcome.flushed_away) > bar + AWAY_SECONDS:
        late.append(f"flushed while Redis was away: {max(outcome.flushed_away):.2f} s after it was back")
    return late + outcome.faults


def rows(outcome: Outcome) -> list[dict[str, str]]:
    """The table of delays."""
    told = {
        "stored: hits on all": outcome.stored,
        "deleted: gone on all": outcome.deleted,
        "flushed by tag: gone on all": outcome.flushed,
        "flushed while Redis was away for a moment": outcome.flushed_away,
        "stored after Redis was lost": outcome.filled_again,
    }
    return [
        {
            "an entry": name, "rounds": str(len(times)),
            **{f"{label} ms": number(percentile(sorted(times), percent) * 1000, 0)
               for label, percent in (("p50", 50), ("p99", 99), ("max", 100))},
        }
        for name, times in told.items()
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cache_fleet", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="of storing and deleting")
    parser.add_argument("--seconds", type=float, default=12.0, help="of load, in a third of which Redis is away")
    parser.add_argument("--callers", type=int, default=24)
    parser.add_argument("--rate", type=float, default=300.0, help="calls a second, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(measure(options.rounds, options.seconds, options.callers, options.rate, options.seed))
    wrong = problems(outcome)
    if options.json:
        print(json.dumps(asdict(outcome) | {"problems": wrong, "machine": machine.describe()}, indent=1))
    else:
        print(machine.headline(machine.describe()) + "\n\n" + table(rows(outcome)))
        print(
            f"\n{outcome.calls} calls in {outcome.load_seconds:.1f} s, Redis away for {outcome.away_seconds:.1f} s of"
            f" them and back empty: {outcome.hits} hits ({outcome.hits_after} of them afterwards), slowest"
            f" {outcome.slowest:.2f} s; all caches ready {outcome.ready_again:.2f} s after it was back;"
            f" {len(outcome.faults)} faults"
        )
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    folder = machine.CACHE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cache_fleet.json").write_text(json.dumps(asdict(outcome), indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
