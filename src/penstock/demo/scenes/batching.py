"""Embeddings of many callers, sent one by one and as lists."""

from __future__ import annotations

import asyncio
import itertools
import time

from penstock.demo.asking import ask
from penstock.demo.server.service import vector
from penstock.demo.telling import Teller, length
from penstock.demo.theatre import Theatre

TITLE = "Batching"
CALLERS = 32


async def play(stage: Theatre, tell: Teller) -> None:
    """See the module."""
    await stage.start_gateway()
    seconds = 0.7 if stage.fast else 4.0
    costs = stage.servers[0].costs
    tell.say(
        f"A server that embeds takes {length(costs.call)} a call and {length(costs.item)} an item, one call after"
        f" another, as an accelerator does. {CALLERS} callers with one short text each, {seconds:g} s: alone, then met"
        " by the gateway."
    )
    numbers = itertools.count()
    alone, wrong_alone = await load(stage.door, "embed-alone", seconds, numbers)
    merged, wrong = await load(stage.door, "embed", seconds, numbers)
    tell.fact(
        f"{alone:.0f} calls a second alone, {merged:.0f} in batches: {merged / max(alone, 1):.1f} times as many",
        merged > 0,
        merged > 3 * alone,
    )
    tell.fact("everybody got the vector of his own text", wrong + wrong_alone == 0)


async def load(port: int, model: str, seconds: float, numbers: itertools.count[int]) -> tuple[float, int]:
    """Calls a second, and how many answers were wrong."""
    until = time.monotonic() + seconds
    done = wrong = 0

    async def caller() -> None:
        nonlocal done, wrong
        while time.monotonic() < until:
            text = f"text {next(numbers)}"
            answer = await ask(port, "POST", "/v1/embeddings", {"model": model, "input": text})
            good = answer.well and answer.status == 200 and answer.value()["data"][0]["embedding"] == vector(text)
            done += 1
            wrong += not good

    began = time.monotonic()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done / (time.monotonic() - began), wrong
