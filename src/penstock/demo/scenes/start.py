"""Cold and warm: what waits for a model that loads, what a pool that stands ready spares, and a restart that forgets
nothing."""

from __future__ import annotations

import time

from penstock.demo.asking import chat
from penstock.demo.server.service import Costs
from penstock.demo.telling import Teller, length
from penstock.demo.theatre import START_SECONDS, ModelServer, Theatre

TITLE = "Cold and warm start"


async def play(stage: Theatre, tell: Teller) -> None:
    """See the module."""
    cold = 0.8 if stage.fast else 4.0
    tell.say(f"A server that must load its model first: here {cold:g} s, in reality 20 to 50. Its first caller waits.")
    late = ModelServer("late", Costs())
    began = time.monotonic()
    await late.start(cold)
    try:
        await late.until_it_answers()
        await chat(late.port, "Who opens the gate?", words=5)
        waited = time.monotonic() - began
    finally:
        await late.kill()
    ready = await stage.start_gateway()
    tell.say(f"Now the gateway, in front of three servers that stand ready. Watch it: {stage.url}/ui")
    first = await chat(stage.door, "Who opens the gate?", words=5)
    tell.fact(f"the gateway was ready {length(ready)} after exec", True, ready < START_SECONDS)
    tell.fact(
        f"first word after {length(first.first)} from the pool that stood ready, {length(waited)} from the cold server",
        first.well,
        first.first < waited / 3,
    )
    tell.say("Its cache outlives it. The same question again, the gateway ended and started, and once more:")
    question = "What does the keeper write into his book?"
    asked = await chat(stage.door, question, temperature=0)
    await stage.until("penstock_cache_entries")  # it is written behind the call
    await stage.stop_gateway()
    again = await stage.start_gateway()
    await stage.until("penstock_cache_ready")  # it is read beside the first calls
    warm = await chat(stage.door, question, temperature=0)
    hit = warm.headers.get("x-penstock-cache", "")
    tell.fact(
        f"asked of a server {length(asked.seconds)}; after the restart ({length(again)}) {length(warm.seconds)}"
        f" from the cache, the same words",
        warm.well and hit.startswith("hit") and warm.text == asked.text,
        warm.seconds < asked.seconds / 3,
    )
