"""A pool is sized ahead of a day, in virtual time; then one of real processes grows and shrinks under streams."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from typing import Any

import penstock.demo.server.service as server
from penstock.demo.asking import chat
from penstock.demo.day import STARTS
from penstock.demo.day import play as play_day
from penstock.demo.telling import Teller, bars, length
from penstock.demo.theatre import Theatre

TITLE = "Scale-out ahead of the load, and scale-in that cuts nobody"
POOL = "elastic"
MOST = 3
WORDS = 60
STREAMS = 12
WAITING = 99.0
"""A replica too few costs as much as so many too many: made ready is what will do 99 times in a hundred."""


async def play(stage: Theatre, tell: Teller) -> None:
    """See the module."""
    await ahead(stage, tell)
    await live(stage, tell)


async def ahead(stage: Theatre, tell: Teller) -> None:
    """The same day by the forecast and by a rule that follows the load."""
    if importlib.util.find_spec("numpy") is None:
        tell.say("Forecasts need numpy, which is not installed here (pip install 'penstock[forecast]'): not shown.")
        return
    from penstock.scaling.forecast.forecaster import Forecaster

    days = 3 if stage.fast else 8
    tell.say(
        f"A load that jumps to six times the night's at nine each morning, and replicas that take {length(STARTS)} to"
        f" start. {days} days to learn, one that is judged, in virtual time; forecaster and rules are the gateway's."
    )
    began = time.monotonic()
    missed, hours, ready = await asyncio.to_thread(play_day, "forecast", Forecaster(300.0), days, WAITING)
    follows, follow_hours, _ = await asyncio.to_thread(play_day, "tracking", None, days)
    for line in bars({f"{hour:02}:00": ready[hour] for hour in range(6, 21, 2)}, 24):
        tell.show(line)
    tell.fact(
        f"sized ahead, {missed:.2%} of the load found no replica; by target tracking at 70 % {follows:.2%}",
        missed < follows,
    )
    played = length(time.monotonic() - began)
    tell.fact(f"{hours:.0f} replica-hours instead of {follow_hours:.0f} ({played} to play)", hours < follow_hours)


async def live(stage: Theatre, tell: Teller) -> None:
    """Real processes: 1, 3, 1."""
    if POOL not in stage.config["upstreams"]:
        await stage.stop_gateway()
        stage.config["upstreams"][POOL] = {"kind": "vllm", "discover": {"scaling": True}}
        stage.config["models"][POOL] = {"upstreams": [POOL]}
        command = [sys.executable, "-S", str(server.__file__), "--port", "{port}", "--cold", "0.5"]
        pool = {"min": 1, "max": MOST, "drain": "20s", "policy": {"rule": "fixed"}, "local": {"command": command}}
        stage.config["scaling"] = {"pools": {POOL: pool}}
    await stage.start_gateway()
    await ready(stage, 1)
    tell.say("Now for real: a pool of one process. An operator wants three (POST /admin/v1/scaling/want), then one.")
    took = await wanted(stage, MOST)
    tell.fact(f"three replicas serve {length(took)} after they were wanted, each started in 0.5 s", True, took < 60.0)
    began = asyncio.Event()

    async def shrink() -> float:
        await began.wait()
        return await wanted(stage, 1)

    calls = [
        chat(stage.door, f"Stream {n}?", model=POOL, words=WORDS, on_word=lambda _: began.set()) for n in range(STREAMS)
    ]
    answers, took = await asyncio.gather(asyncio.gather(*calls), shrink())
    whole = [one for one in answers if one.well and len(one.text.split()) == WORDS]
    told = f"back to one in {length(took)} while {STREAMS} streams ran: {len(whole)} of them whole"
    tell.fact(told, len(whole) == STREAMS)


async def wanted(stage: Theatre, count: int) -> float:
    """Say so; seconds until it is."""
    began = time.monotonic()
    await stage.admin("/admin/v1/scaling/want", "POST", {"pool": POOL, "count": count})
    await ready(stage, count)
    return time.monotonic() - began


async def ready(stage: Theatre, count: int) -> None:
    """Wait until exactly so many stand. Raises TimeoutError."""
    async with asyncio.timeout(60.0):
        while await standing(stage) != count:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.1)


async def standing(stage: Theatre) -> int:
    """Replicas that are ready or draining."""
    answer = await stage.admin(f"/admin/v1/scaling?pool={POOL}")
    told: Any = answer.value() if answer.well and answer.status == 200 else {}
    replicas = (told.get("standing") or {}).get("replicas", [])
    return sum(one.get("state") in ("ready", "draining") for one in replicas)
