"""Does it pay to hold calls that begin alike? Two engines of the embedded model, as ``local`` upstreams; callers in
groups, each with a system prompt of its own, who all ask at once, streamed, as when a job fans out.

Each way meets fresh engines and the same words. Prints the tokens of prompts that were computed, the time to first
token, and how long all took; writes the samples.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import affinity, machine
from bench.affinity import words
from bench.payload import MODEL
from bench.process import Running
from bench.rig import run_folder, wait_until_it_answers
from bench.stats import number, percentile, rotated, table

GROUPS = 2
CALLS = 6
"""Of each group."""
SYSTEM_WORDS = 400
QUESTION_WORDS = 12
WAYS = ("none", "prefix")
CONTEXT_TOKENS = 1024


@dataclass(frozen=True)
class Sample:
    """One call. ``first``: seconds to its first token; ``cached``: of its ``prompt`` tokens, those not computed."""

    group: int
    first: float
    prompt: int
    cached: int


def config(port: int, way: str, max_wait: str) -> dict[str, object]:
    """A gateway with two engines and nothing that would answer for them."""
    upstream = {"kind": "local", "model": "smollm2", "threads": 1, "context": CONTEXT_TOKENS}
    return {
        "listen": {"port": port},
        "auth": {"mode": "open"},
        "upstreams": {"engine-0": upstream, "engine-1": upstream},
        "models": {MODEL: {"upstreams": ["engine-0", "engine-1"], "strategy": "adaptive"}},
        "timeouts": {"first_token": "600s"},
        "cache": {"exact": {"enabled": False}},
        "coalesce": {"enabled": False},
        "grouping": {"group_by": way, "min_prefix": "1KiB", "max_wait": max_wait},
    }


async def burst(port: int, seed: int, calls: int, limit: float) -> list[Sample]:
    """All callers of all groups at once, in mixed order. What ``limit`` seconds leave unanswered is not in the list."""
    samples: list[Sample] = []

    async def caller(group: int, system: str, question: str) -> None:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        headers = {"Content-Type": "application/json"}
        _, first, prompt, cached = await affinity.ask(port, headers, messages)
        samples.append(Sample(group, first, prompt, cached))

    draw = random.Random(seed)
    systems = [words(draw, SYSTEM_WORDS) for _ in range(GROUPS)]
    everybody = [(group, systems[group], words(draw, QUESTION_WORDS)) for group in range(GROUPS) for _ in range(calls)]
    draw.shuffle(everybody)
    try:
        async with asyncio.timeout(limit):
            await asyncio.gather(*(caller(*one) for one in everybody))
    except TimeoutError:
        pass
    return samples


def measure(way: str, seed: int, calls: int, max_wait: str, limit: float) -> tuple[list[Sample], float]:
    """One way before fresh engines; and the seconds that all took."""
    with run_folder() as folder:
        port = machine.free_port()
        path = folder / "penstock.yaml"
        path.write_text(json.dumps(config(port, way, max_wait), indent=2))
        kept = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))  # the weights are there
        folders = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"), str(folder))
        env = {"PYTHONPATH": str(machine.ROOT / "src"), "XDG_CACHE_HOME": kept, "HOME": str(folder), **folders}
        argv = [sys.executable, "-m", "penstock", "serve", "--config", str(path)]
        gateway = Running(argv, set().union(*machine.cores()), folder / "log", env)
        try:
            wait_until_it_answers(gateway, port, {"Content-Type": "application/json"}, way)
            asyncio.run(burst(port, -1, 1, limit))  # both engines are there, and have other words in their slots
            began = time.monotonic()
            return asyncio.run(burst(port, seed, calls, limit)), time.monotonic() - began
        finally:
            gateway.stop()


def row(way: str, samples: Sequence[Sample], expected: int, seconds: float) -> dict[str, str]:
    """A line of the table. A call without an answer took for ever."""
    firsts = sorted(sample.first for sample in samples) + [math.inf] * (expected - len(samples))
    prompt, cached = sum(sample.prompt for sample in samples), sum(sample.cached for sample in samples)
    return {
        "group_by": way,
        "calls": f"{len(samples)}/{expected}",
        "computed tokens": number(prompt - cached, 0),
        "of": number(prompt, 0),
        "first token p50 s": number(percentile(firsts, 50), 2),
        "p90 s": number(percentile(firsts, 90), 2),
        "all s": number(seconds, 1),
    }


def run(rounds: int, seed: int, calls: int, max_wait: str, limit: float) -> str:
    """The table."""
    taken: dict[str, list[Sample]] = {way: [] for way in WAYS}
    seconds = dict.fromkeys(WAYS, 0.0)
    for turn in range(rounds):
        for way in rotated(WAYS, turn):
            samples, took = measure(way, seed + turn, calls, max_wait, limit)
            taken[way] += samples
            seconds[way] += took
            print(f"({way}: {took:.0f} s)", file=sys.stderr, flush=True)
    folder = machine.CACHE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    dump = {way: [asdict(sample) for sample in samples] for way, samples in taken.items()}
    (folder / "grouping.json").write_text(json.dumps(dump, indent=1))
    return table([row(way, taken[way], rounds * GROUPS * calls, seconds[way]) for way in WAYS])


def main() -> None:
    given = argparse.ArgumentParser(prog="python -m bench.grouping", description=__doc__)
    given.add_argument("--rounds", type=int, default=2)
    given.add_argument("--calls", type=int, default=CALLS, help="of each group")
    given.add_argument("--seed", type=int, default=1)
    given.add_argument("--max-wait", default="60s")
    given.add_argument("--limit", type=float, default=120.0, help="seconds for one way")
    options = given.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the engines end with us
    print(machine.headline(machine.describe()))
    print(run(options.rounds, options.seed, options.calls, options.max_wait, options.limit))


if __name__ == "__main__":
    main()
