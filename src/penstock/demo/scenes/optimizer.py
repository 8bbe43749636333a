"""A setting that is badly chosen is tried otherwise, by turns, and what helps is kept. In virtual time."""

from __future__ import annotations

import asyncio
import time
from random import Random

from penstock.demo.telling import Teller, length
from penstock.demo.theatre import Theatre
from penstock.demo.world import BEGIN, World
from penstock.insight.findings import Experiment
from penstock.insight.optimizer.course import Course, keys_of
from penstock.insight.optimizer.knobs import knob_of
from penstock.insight.optimizer_config import OptimizerConfig

TITLE = "An optimization is tried, and kept"
SETTING = "batching.max_wait"
WRITTEN = "80ms"


async def play(stage: Theatre, tell: Teller) -> None:
    """See the module."""
    await asyncio.sleep(0)
    hours = 2 if stage.fast else 6
    tell.say(
        f"The file says {SETTING}: {WRITTEN}, which is too long for this load. Trying something takes the optimizer"
        f" some 45 minutes, for it wants to be sure: so {hours} hours are played in virtual time. The optimizer is the"
        " gateway's own; how the setting acts on calls is a formula."
    )
    began = time.monotonic()
    journal, value = optimized(hours)
    kept = [one for one in journal if one.state == "kept"]
    for one in reversed(kept[:3]):
        what = one.proposal
        effect = f"{one.effect:+.0%}" if one.effect is not None else "?"
        tell.show(f"{what.setting} {what.old} -> {what.value}: {what.metric} {effect}; {one.reason}")
    before, after = latency(0.08), latency(value)
    played = length(time.monotonic() - began)
    tell.fact(f"{len(journal)} experiments, {len(kept)} of them kept ({played} to play)", bool(kept))
    tell.fact(
        f"{SETTING} is {value * 1000:.0f} ms now: first words after {length(after)} instead of {length(before)}",
        after < 0.8 * before,
    )


def latency(wait: float) -> float:
    """Median seconds to a first word: waiting for others adds itself, batches that are too small cost calls."""
    return 0.05 + 1.2 * wait + 0.0004 / (wait + 0.004)


def optimized(hours: float, seed: int = 5) -> tuple[list[Experiment], float]:
    """What was tried in that time, and the value in force at its end."""
    knob = knob_of(SETTING)
    assert knob is not None
    draw = Random(seed)
    world, course = World(draw, ("one",), 600), Course(draw)
    config = OptimizerConfig(mode="auto", bounds={SETTING: ["1ms", "100ms"]})
    value = written = knob.read(WRITTEN)
    while world.now < BEGIN + hours * 3600:
        course.follow(config, keys_of({SETTING: written}))
        course.take(world.window(latency(value)))
        wanted = course.experiments.wanted()
        value = knob.read(wanted.get(SETTING, WRITTEN))
        course.experiments.applied(wanted, world.now)
    return list(course.experiments.journal), value
