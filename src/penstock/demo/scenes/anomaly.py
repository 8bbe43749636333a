"""One of three upstreams becomes slow; what judges the gateway finds it, and names it. In virtual time."""

from __future__ import annotations

import asyncio
import time
from random import Random

from penstock.core.windows import SPAN
from penstock.demo.telling import Teller, length
from penstock.demo.theatre import NAMES, Theatre
from penstock.demo.world import World
from penstock.insight.anomaly import Anomalies
from penstock.insight.anomaly_config import AnomalyConfig

TITLE = "An anomaly is found, and its cause"
WITHIN = 120.0


async def play(stage: Theatre, tell: Teller) -> None:
    """See the module."""
    await asyncio.sleep(0)
    hours = 1 if stage.fast else 4
    tell.say(
        f"What is usual has to be learned first, so this one is played in virtual time: {hours} hours of ordinary"
        " traffic, then `two` takes three times as long to its first word. The code is the gateway's own; only the"
        " calls are made up."
    )
    world, finder, began = World(Random(8), NAMES), Anomalies(AnomalyConfig()), time.monotonic()
    false = 0
    for number in range(round(hours * 3600 / SPAN)):
        if number % 20 == 0:
            await asyncio.sleep(0)  # so that Ctrl-C is heard
        opened, _ended = finder.take(world.window(0.2))
        false += len(opened)
    fault = world.now
    found = None
    while found is None and world.now < fault + 4 * WITHIN:
        opened, _ended = finder.take(world.window(0.2, {"two": 3.0}))
        found = opened[0] if opened else None
    took = world.now - fault
    tell.show(found.cause if found is not None else "nothing was found")
    played = length(time.monotonic() - began)
    tell.fact(f"found {took:.0f} s after it began ({played} to play)", found is not None and took <= WITHIN)
    tell.fact("it blames upstream two", found is not None and "two" in (found.upstream or found.blames))
    tell.fact(f"{false} false alarms in {hours} ordinary hours", false == 0)
    if stage.gateway is not None and stage.gateway.running:
        tell.say(f"Those of real calls are under Findings at {stage.url}/ui, and in `penstock insight anomalies`.")
