"""A fleet on one machine: gateways of several workers on one redis-server, and when a change has reached all of them.

Enters: a folder. Leaves: seconds, and faults in an Outcome. Which worker answered, its request id tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.gateways import Gateway, Redis, ended
from bench.questions import Told, ask, config, fault, upstream

PATIENCE_SECONDS = 15.0
AT_ONCE = 4
"""Questions a gateway at a time, to find all of its workers."""
GATEWAYS, WORKERS = 2, 4

Place = tuple[int, int]
"""A worker: the number of its gateway, and its own."""


@dataclass
class Fleet:
    """The gateways on their store, and all places where an answer can come from."""

    redis: Redis
    gateways: list[Gateway]
    asked: Counter[str]
    places: set[Place] = field(default_factory=set)


@dataclass
class Outcome:
    """Seconds until a change had reached all workers; what was asked under load, and what went wrong anywhere."""

    workers: int = 0
    stored: list[float] = field(default_factory=list)
    deleted: list[float] = field(default_factory=list)
    flushed: list[float] = field(default_factory=list)
    flushed_away: list[float] = field(default_factory=list)
    calls: int = 0
    hits: int = 0
    hits_after: int = 0
    load_seconds: float = 0.0
    slowest: float = 0.0
    away_seconds: float = 0.0
    ready_again: float = 0.0
    filled_again: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def fleet(folder: Path, workers: int = WORKERS) -> AsyncIterator[Fleet]:
    """All of it, ready, each worker met."""
    async with upstream() as (port, asked):
        redis = Redis(folder)
        gateways = [Gateway(folder / f"g{n}", config(port, redis.url), workers) for n in range(GATEWAYS)]
        with ended(redis, *gateways):
            redis.start()
            for one in gateways:
                one.start()
            for one in gateways:
                await one.until_it_answers()
                await one.until_ready()
            made = Fleet(redis, gateways, asked)
            until = time.monotonic() + 2 * PATIENCE_SECONDS
            while len(made.places) < GATEWAYS * workers and time.monotonic() < until:
                made.places |= {place for place, _ in await look(made, "nobody has asked this")}
            yield made


async def look(those: Fleet, question: str) -> list[tuple[Place, Told]]:
    """The question over new connections to each gateway, to be answered by the cache only; by whom, and what."""
    numbers = [n for n in range(len(those.gateways)) for _ in range(AT_ONCE)]
    told = await asyncio.gather(
        *(ask(those.gateways[n].port, question, stream=turn % 2 == 0, mode="only") for turn, n in enumerate(numbers))
    )
    return [((n, one.worker), one) for n, one in zip(numbers, told, strict=True)]


async def spread(those: Fleet, question: str, outcome: Outcome, wanted: bool, since: float) -> float:
    """Seconds until each worker has told it (``wanted``), or has said that it has it not; and none of them goes back.
    An upper bound: to which worker a connection goes is for the kernel to say."""
    met: set[Place] = set()
    last = since
    while met != those.places:
        before = set(met)  # of calls that were under way together nobody knows which was answered first
        for place, told in sorted(await look(those, question), key=lambda one: one[1].at):
            if told.hit and (wrong := fault(told, question)):
                outcome.faults.append(wrong)
            elif not told.hit and told.status != 504:
                outcome.faults.append(f"{question}: {told.status} of worker {place}: {told.body[:200]}")
            elif told.hit == wanted and place not in met:
                met.add(place)
                last = max(last, told.at)
            elif told.hit != wanted and place in before:
                outcome.faults.append(f"{question}: worker {place} went back to {'hit' if told.hit else 'miss'}")
        if time.monotonic() - since > PATIENCE_SECONDS:
            left = sorted(those.places - met)
            outcome.faults.append(f"{question}: not {'hit' if wanted else 'gone'} on {left} after {PATIENCE_SECONDS} s")
            return PATIENCE_SECONDS
    return last - since
