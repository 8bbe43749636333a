"""Scaling for real: a gateway with a pool of played engines, its replicas added, removed and killed under streams; and
two rules side by side under a ramp, a spike and a rhythm.

Enters: what to measure. Leaves: a table, and samples as JSON. ``removals``: so many replicas are removed under streams,
each of which must come whole. ``kills``: so many are killed while the pool grows. ``rules``: the share of calls whose
first token came within the goal, and replica-seconds. Exit 1 when a stream was cut or a replica did not come back.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import machine
from bench.scaled import Call, Gateway, Setting, stream
from bench.stats import number, percentile, table

GONE = re.compile(r"replica (gpu-\d+) ends")


async def callers(port: int, count: int, words: int, calls: list[Call], on: asyncio.Event) -> None:
    """So many at once, each again and again until ``on`` is cleared."""

    async def one() -> None:
        while on.is_set():
            calls.append(await stream(port, words))

    await asyncio.gather(*(one() for _ in range(count)))


async def removals(wanted: int, count: int, words: int, setting: Setting) -> tuple[dict[str, str], list[str]]:
    """Remove so many replicas under streams."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        async with Gateway(Path(folder), setting) as gateway:
            calls: list[Call] = []
            on = asyncio.Event()
            on.set()
            await gateway.want(setting.most)
            await gateway.ready(setting.most)
            load = asyncio.ensure_future(callers(gateway.port, count, words, calls, on))
            began = time.monotonic()
            while len(GONE.findall(gateway.log())) < wanted:
                await gateway.want(setting.least)
                await gateway.ready(setting.least)
                await gateway.want(setting.most)
                await gateway.ready(setting.most)
            took = time.monotonic() - began
            on.clear()
            await load
            gone, complaints = len(GONE.findall(gateway.log())), gateway.complaints()
    wrong = [call.wrong for call in calls if call.wrong]
    row = {
        "workers": str(setting.workers), "removed": str(gone), "streams": str(len(calls)),
        "moved": str(sum(call.moved for call in calls)), "cut or failed": str(len(wrong)),
        "warnings": str(len(complaints)), "seconds a removal": number(took / gone, 2),
    }  # fmt: skip
    return row, wrong + complaints


async def kills(wanted: int, count: int, words: int, setting: Setting) -> tuple[dict[str, str], list[str]]:
    """Kill so many while the pool grows."""
    backs: list[float] = []
    calls: list[Call] = []
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        async with Gateway(Path(folder), setting) as gateway:
            on = asyncio.Event()
            on.set()
            await gateway.want(2)
            await gateway.ready(2)
            load = asyncio.ensure_future(callers(gateway.port, count, words, calls, on))
            for _ in range(wanted):
                name = random.choice((await gateway.row())["standing"]["replicas"])["name"]
                pid = dict(re.findall(r"(gpu-\d+) is ready after .* \(pid (\d+)", gateway.log()))[name]
                await gateway.want(4)
                os.kill(int(pid), signal.SIGKILL)
                backs.append(await gateway.ready(4, besides=name))
                await gateway.want(2)
                await gateway.ready(2)
            on.clear()
            await load
    wrong = [call.wrong for call in calls if call.wrong]
    row = {
        "killed": str(wanted), "streams": str(len(calls)), "cut or failed": str(len(wrong)),
        "all there after p50 s": number(percentile(sorted(backs), 50), 2), "latest s": number(max(backs), 2),
    }  # fmt: skip
    return row, wrong


def ramp(at: float) -> float:
    """Calls a second, of one that grows for a minute and a half, and stays."""
    return 1.0 + 11.0 * min(1.0, at / 90.0)


def spike(at: float) -> float:
    """Ten times as many from one moment on, for half a minute."""
    return 12.0 if 40.0 <= at < 70.0 else 1.2


def rhythm(at: float) -> float:
    """A day, 60 times as fast: it begins an hour after the trough, and is played up to the peak."""
    return 1.0 + 11.0 * (0.5 - 0.5 * math.cos(2 * math.pi * (at + 60.0) / 1440.0)) ** 2


SHAPES: dict[str, tuple[Callable[[float], float], float]] = {
    "ramp": (ramp, 150.0),
    "spike": (spike, 120.0),
    "rhythm": (rhythm, 480.0),
}


@dataclass
class Played:
    """What came of one shape under one rule."""

    shape: str
    rule: str
    calls: list[Call] = field(default_factory=list)
    replica_seconds: float = 0.0
    most: int = 0
    seconds: float = 0.0

    def row(self, goal: float) -> dict[str, str]:
        good = [call for call in self.calls if not call.wrong and call.first <= goal]
        firsts = sorted(call.first for call in self.calls if not call.wrong)
        return {
            "shape": self.shape, "rule": self.rule, "calls": str(len(self.calls)),
            f"first token within {goal:g} s": f"{100 * len(good) / max(1, len(self.calls)):.2f} %",
            "p99 s": number(percentile(firsts, 99), 2), "failed": str(sum(bool(call.wrong) for call in self.calls)),
            "replica-hours": number(self.replica_seconds / 3600, 3), "most replicas": str(self.most),
        }  # fmt: skip


async def play(shape: str, rule: str, setting: Setting, words: int, seconds: float | None, seed: int) -> Played:
    """One shape under one rule."""
    rate, usual = SHAPES[shape]
    seconds = seconds or usual
    played = Played(shape, rule, seconds=seconds)
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        async with Gateway(Path(folder), setting) as gateway:
            await gateway.ready(setting.least)
            began = time.monotonic()
            tasks: set[asyncio.Future[Call]] = set()

            async def watch() -> None:
                last = time.monotonic()
                while True:
                    await asyncio.sleep(0.5)
                    now, stands = time.monotonic(), len((await gateway.row())["standing"]["replicas"])
                    played.replica_seconds += stands * (now - last)
                    played.most = max(played.most, stands)
                    last = now

            watching = asyncio.ensure_future(watch())
            while (at := time.monotonic() - began) < seconds:
                tasks.add(asyncio.ensure_future(stream(gateway.port, words)))
                await asyncio.sleep(draw.expovariate(rate(at)))
            played.calls = list(await asyncio.gather(*tasks))
            watching.cancel()
            (machine.CACHE / "results").mkdir(parents=True, exist_ok=True)
            (machine.CACHE / "results" / f"scaling_{shape}_{rule}.log").write_text(gateway.log())
    return played


async def side_by_side(options: argparse.Namespace) -> list[Played]:
    """Each shape under each rule, at the same time: what the machine does then is done to both."""
    played: list[Played] = []
    for shape in options.shapes.split(","):
        runs = []
        for rule in options.rules.split(","):
            policy = f"{{rule: {rule}, ttft: {options.goal}s{options.policy}}}"
            setting = Setting(
                most=options.most, drain="5s", start=options.start, slots=options.slots, gap=0.05, interval="1s",
                policy=policy,
            )  # fmt: skip
            runs.append(play(shape, rule, setting, 40, options.seconds, options.seed))
        played += await asyncio.gather(*runs)
        print(table([one.row(options.goal) for one in played]), flush=True)
    return played


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("removals", "kills", "rules"))
    parser.add_argument("--number", type=int, default=0, help="removals (100) or kills (10)")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--callers", type=int, default=24)
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--shapes", default="ramp,spike,rhythm")
    parser.add_argument("--rules", default="forecast,tracking")
    parser.add_argument("--policy", default="", help="more of the policy, such as ', cooldown_in: 20s'")
    parser.add_argument("--seconds", type=float, help="of each shape")
    parser.add_argument("--goal", type=float, default=2.0, help="seconds to the first token")
    parser.add_argument("--start", type=float, default=3.0, help="seconds that a replica takes to start")
    parser.add_argument("--slots", type=int, default=8, help="streams at once at a replica")
    parser.add_argument("--most", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="penstock-run-") as runtime:
        os.environ["XDG_RUNTIME_DIR"] = runtime  # where the control sockets are
        return measure(options)


def measure(options: argparse.Namespace) -> int:
    """What was asked for. The exit status."""
    if options.what == "rules":
        played = asyncio.run(side_by_side(options))
        samples = [asdict(one) for one in played]
        wrong = [call.wrong for one in played for call in one.calls if call.wrong]
    else:
        does = removals if options.what == "removals" else kills
        setting = Setting(workers=options.workers)
        amount = options.number or (100 if options.what == "removals" else 10)
        row, wrong = asyncio.run(does(amount, options.callers, options.words, setting))
        print(table([row]))
        samples = [row]
    for line in wrong[:10]:
        print(line, file=sys.stderr)
    folder = machine.CACHE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"scaling_{options.what}.json").write_text(json.dumps(samples))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
