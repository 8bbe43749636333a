"""What ``claims.py`` measures: each function asks another bench for a short run, and reads it as the claim does.

Leaves: a sentence with the numbers, and whether the claim is reached (None: it could not be measured here).
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench import batching as batching_bench
from bench import coldstart, failover, machine, memory_bodies
from bench import optimizer as optimizer_bench
from bench import users as users_bench
from bench.gateways import Gateway
from bench.process import Running
from bench.tuned import scenarios
from penstock.demo.asking import chat, percentile
from penstock.demo.day import STEP
from penstock.demo.day import play as play_day
from penstock.insight.optimizer.knobs import knob_of
from penstock.insight.optimizer.measures import MEASURES
from penstock.process.loop import run
from penstock.scaling.forecast.forecaster import Forecaster

WARM_CALLS = 8
ANSWER_TOKENS = 48
TUNED_HOURS = 24.0


@dataclass(frozen=True)
class Measured:
    """``reached``: None where it could not be measured."""

    says: str
    reached: bool | None

    @property
    def verdict(self) -> str:
        return {True: "yes", False: "**no**", None: "not measured"}[self.reached]


def start() -> Measured:
    """The gateway itself as installed; and the embedded model, asked while it loads and when it stands ready."""
    found = coldstart.measure("penstock", 3)
    gateway = statistics.median(one.first_answer_seconds for one in found[0].starts)
    cold, warm, _, _ = _engine()
    says = (
        f"gateway: exec to first answer {gateway:.2f} s. Embedded model (135 million parameters): asked while it loads"
        f" {cold:.2f} s to the first token, standing ready {warm * 1000:.0f} ms (−{1 - warm / cold:.0%})"
    )
    return Measured(says, gateway < 1.0 and warm < 1.0 and warm < cold)


def perceived() -> Measured:
    """How long until something is seen, against the same answer awaited whole."""
    _, _, first, whole = _engine()
    cut = 1 - first / whole
    says = (
        f"−{cut:.0%}: {first * 1000:.0f} ms to the first token, {whole * 1000:.0f} ms to the end of"
        f" {ANSWER_TOKENS} tokens of the embedded model; the longer the answer, the more"
    )
    return Measured(says, cut >= 0.6)


@functools.cache  # two claims are read from one run
def _engine() -> tuple[float, float, float, float]:
    """Seconds to the first token, of a call that finds the engine loading; of calls that find it ready; then to the
    first token and to the end of the same answers, one streamed and one whole by turns."""
    config = {
        "auth": {"mode": "open"}, "store": "memory", "cache": {"exact": {"enabled": False}},
        "coalesce": {"enabled": False}, "timeouts": {"first_token": "60s"},
        "upstreams": {"engine": {"kind": "local"}}, "models": {"m": {"upstreams": ["engine"]}},
    }  # fmt: skip

    async def play(gateway: Gateway) -> tuple[float, float, float, float]:
        began = gateway.start()
        limit = began + 60
        while time.monotonic() < limit:
            answer = await chat(gateway.port, "Say yes.", words=4, model="m", temperature=0)
            if answer.well and answer.stamps:
                cold = time.monotonic() - began - answer.seconds + answer.stamps[0]
                break
            await asyncio.sleep(0.02)
        else:
            raise RuntimeError("the embedded model did not answer")
        firsts, wholes = [], []
        for turn in range(WARM_CALLS):
            question = f"Tell me something about the number {turn}."
            told = await chat(gateway.port, question, words=ANSWER_TOKENS, model="m")
            whole = await chat(gateway.port, question, words=ANSWER_TOKENS, model="m", stream=False)
            if told.well and whole.well:
                firsts.append(told.first)
                wholes.append(whole.seconds)
        warm = percentile(firsts, 0.5)
        return cold, warm, warm, percentile(wholes, 0.5)

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        gateway = Gateway(Path(folder), config)
        known = Path.home() / ".cache" / "penstock"
        if known.is_dir():  # the weights, which are not what is measured
            (Path(folder) / "penstock").symlink_to(known)
        try:
            return asyncio.run(play(gateway))
        finally:
            gateway.kill()


def batching() -> Measured:
    """Embeddings of 64 callers on a mock with an accelerator's cost."""
    port = machine.free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        argv = [sys.executable, "-m", "bench.batching", "--serve", str(port)]
        env = {"PYTHONPATH": f"{machine.ROOT}:{machine.ROOT / 'src'}"}
        upstream = Running(argv, os.sched_getaffinity(0), Path(folder, "log"), env)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                found = runner.run(batching_bench.measure(f"http://127.0.0.1:{port}/v1", Path(folder), 2, 2.0))
        finally:
            upstream.stop()
    told = batching_bench.summary(found)
    before, after = told["many off"], told["many on"]
    says = (
        f"+{told['gain'] - 1:.0%}: {before['calls a second']:.0f} calls a second become {after['calls a second']:.0f};"
        f" p99 {before['p99'] * 1000:.0f} ms becomes {after['p99'] * 1000:.0f} ms"
        " (64 callers, 20 ms a call and 0.5 ms an item)"
    )
    return Measured(says, told["gain"] >= 4)


def memory() -> Measured:
    """Far more bodies than may be held: what is held of them, and whether any call was lost."""
    options = argparse.Namespace(bodies=3000, burst=64, limit=512)
    machine.raise_descriptor_limit()
    storm: Any = uvloop.run(memory_bodies.measured(options))["storm"]
    cut = 1 - storm["most_mib"] / storm["offered"]
    says = (
        f"−{cut:.0%}: {storm['offered']} bodies of 1 MiB at once take at most {storm['most_mib']} MiB, the limit being"
        f" {options.limit}; {storm['served']} served, {storm['refused']} told when to come back,"
        f" {storm['neither']} neither"
    )
    return Measured(says, cut >= 0.7 and not storm["neither"])


def utilisation() -> Measured:
    """A made-up day with a sharp morning, in virtual time: sized by the forecast, and by target tracking at 70 %."""
    missed, hours, _ = play_day("forecast", Forecaster(STEP), 8)
    follows, follow_hours, _ = play_day("tracking", None, 8)
    gain = follow_hours / hours - 1
    says = (
        f"+{gain:.0%}: the same day with {hours:.0f} replica-hours instead of {follow_hours:.0f}, while {missed:.2%} of"
        f" the load found no replica instead of {follows:.2%} (target tracking at 70 %; a day that is made up)"
    )
    return Measured(says, gain >= 0.4 and missed <= follows)


def tuning() -> Measured:
    """The optimizer on ten badly set settings, in virtual time: how much better the metric of each is then."""
    logging.disable(logging.WARNING)
    draw = random.Random(11)
    gains = {}
    for tuned in scenarios(draw):
        value = optimizer_bench.tune(tuned, random.Random(draw.random()), TUNED_HOURS).value
        knob = knob_of(tuned.key)
        assert knob is not None
        before, after = optimizer_bench.given(tuned, knob.read(tuned.written)), optimizer_bench.given(tuned, value)
        better = MEASURES[knob.metric].better
        gains[tuned.key] = (after / before - 1) if better > 0 else (1 - after / before)
    logging.disable(logging.NOTSET)
    middle = statistics.median(gains.values())
    listed = ", ".join(f"{key} {gain:.0%}" for key, gain in sorted(gains.items(), key=lambda one: -one[1]))
    says = f"{middle:.0%} in the median of ten badly set settings, {TUNED_HOURS:.0f} virtual hours each ({listed})"
    return Measured(says, middle >= 0.3)


def users() -> Measured:
    """10,000 connections, each with a call every 20 s on average, upstream at once."""
    seen = users_bench.measure(10_000, 20.0, 20.0)
    ordered = sorted(seen.seconds)
    says = (
        f"p95 {percentile(ordered, 0.95) * 1000:.1f} ms, p99 {percentile(ordered, 0.99) * 1000:.1f} ms,"
        f" {seen.failed} failed: 10,000 connections, {seen.calls / seen.took:.0f} calls a second,"
        " one worker; the model's own time is not in it"
    )
    return Measured(says, seen.p95 < users_bench.GOAL_SECONDS and not seen.failed)


def failures() -> Measured:
    """One of three upstreams killed, hung, slowed, flapping, under load."""
    logging.disable(logging.WARNING)
    with suppress(OSError):
        machine.prefer(os.getpid())
    outcomes = [one for cell in run(failover.measure(1, 12, 2.0, 3)) for one in cell]
    logging.disable(logging.NOTSET)
    calls, failed = sum(one.calls for one in outcomes), sum(len(one.failed) for one in outcomes)
    share = 1 - failed / calls
    says = (
        f"{share:.3%} of {calls:,} calls, {failed} failed, while one of three upstreams is killed, hung, slowed, flaps"
    )
    return Measured(says, share >= 0.999)
