"""A spike of callers, met by one server alone and by three behind the gateway."""

from __future__ import annotations

import asyncio
import itertools
import time

from penstock.demo.asking import Answer, chat, percentile
from penstock.demo.telling import Teller, bars, length
from penstock.demo.theatre import Theatre

TITLE = "A spike of callers"


async def play(stage: Theatre, tell: Teller) -> None:
    """See the module."""
    await stage.start_gateway()
    callers, seconds = (18, 1.0) if stage.fast else (30, 5.0)
    path = "nginx and the gateway" if stage.has_nginx else "the gateway (nginx is not installed here)"
    tell.say(
        f"Each server works on {stage.servers[0].costs.slots} calls at once; others wait. {callers} callers ask without"
        f" a pause for {seconds:g} s: first one server directly, then all three through {path}."
    )
    alone = await crowd(stage.servers[0].port, callers, seconds)
    before = [await one.asked() for one in stage.servers]
    through = await crowd(stage.door, callers, seconds)
    shares = {
        one.name: await one.asked() - was for one, was in zip(stage.servers, before, strict=True)
    }  # fmt: skip
    for line in bars(shares):
        tell.show(line)
    failed = [one for one in through if not one.well]
    tell.fact(f"{len(through)} calls through the gateway, {len(failed)} failed", not failed)
    tell.fact(
        f"the three share them: {', '.join(f'{name} {count}' for name, count in shares.items())}",
        all(shares.values()),  # how evenly is the machine's to say: one that holds a server up slows it
    )
    late, soon = (percentile([one.first for one in those], 0.95) for those in (alone, through))
    tell.fact(
        f"95 % see the first word within {length(soon)}, of one server alone within {length(late)};"
        f" {len(through)} answers instead of {len(alone)} in the same time",
        True,
        soon < late * 0.7 and len(through) > len(alone) * 1.5,
    )


async def crowd(port: int, callers: int, seconds: float) -> list[Answer]:
    """So many callers, each with question after question, none twice."""
    until = time.monotonic() + seconds
    numbers = itertools.count()

    async def one() -> list[Answer]:
        answers = []
        while time.monotonic() < until:
            answers.append(await chat(port, f"Question {port}.{next(numbers)}?", words=15))
        return answers

    return [answer for answers in await asyncio.gather(*(one() for _ in range(callers))) for answer in answers]
