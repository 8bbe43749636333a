"""Equal questions: one after another from the cache, at the same moment as one call."""

from __future__ import annotations

import asyncio

from penstock.demo.asking import chat
from penstock.demo.telling import Teller, length
from penstock.demo.theatre import Theatre

TITLE = "Cache and coalescing"
HERD = 50


async def play(stage: Theatre, tell: Teller) -> None:
    """See the module."""
    await stage.start_gateway()
    tell.say("A question at temperature 0 is asked twice, the second time as a whole answer instead of a stream.")
    question = "What comes when the lake is full?"
    before = await asked(stage)
    first = await chat(stage.door, question, temperature=0)
    second = await chat(stage.door, question, temperature=0, stream=False)
    hit = second.headers.get("x-penstock-cache", "none")
    tell.fact(
        f"{length(first.seconds)} from a server, then {length(second.seconds)} ({hit}), the same words",
        hit.startswith("hit") and first.text == second.text,
        second.seconds < first.seconds / 3,
    )
    tell.say(f"Then {HERD} callers ask the same new question at the same moment, half of them as a stream.")
    middle = await asked(stage)
    herd = await asyncio.gather(
        *(chat(stage.door, "And when it is empty?", temperature=0, stream=turn % 2 == 0) for turn in range(HERD))
    )
    after = await asked(stage)
    same = all(one.well for one in herd) and len({one.text for one in herd}) == 1
    tell.fact(f"{HERD} answers, all the same: {after - middle} call to a server", same and after - middle == 1)
    spared = HERD + 2 - (after - before)
    tell.fact(f"{spared} of {HERD + 2} calls never reached a server", spared == HERD)


async def asked(stage: Theatre) -> int:
    """Calls that the servers have had."""
    return sum([await one.asked() for one in stage.servers])
