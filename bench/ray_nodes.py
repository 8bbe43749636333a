"""Does service go on while nodes of a Ray cluster die? Three nodes on this host, one killed at random again and again.

A gateway keeps a pool of three replicas (Ray actors around small model servers) over a head and three nodes; callers
ask all the time, for streams and whole answers, and compare every word. A node is killed (SIGKILL for all of it) and
joins again some seconds later. Prints a table; exits 1 when a call failed, or replicas did not return within a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import uvloop

import penstock.demo.server.service as server
from bench import machine
from bench.gateways import Gateway
from bench.questions import exchange
from bench.ray_cluster import RayCluster, ray_cluster
from bench.stats import number, percentile, table
from penstock.demo.server.service import words

REPLICAS = 3
WORDS = 40
NODES = ("2", "3", "4")
PATIENCE_SECONDS = 120.0
BACK_SECONDS = 60.0
LOOK_SECONDS = 0.25
NOTICED_SECONDS = 25.0
"""By then the loss of a node is noticed, or it had no replica."""


@dataclass
class Kill:
    """One node's death. ``away``: seconds until it joined again; ``back``: until all replicas stood again; ``lost``: it
    had held one; ``fewest``: replicas ready meanwhile."""

    node: str
    away: float = 0.0
    back: float = 0.0
    lost: bool = False
    fewest: int = REPLICAS


@dataclass
class Outcome:
    """All of a run."""

    calls: int = 0
    streams: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    rescued: dict[str, float] = field(default_factory=dict)
    retried: float = 0.0


def config(address: str) -> dict[str, Any]:
    """Of the gateway."""
    command = [sys.executable, "-S", str(server.__file__), "--host", "{host}", "--port", "{port}", "--cold", "0.5"]
    ray = {"address": address, "command": [*command, "--slots", "64", "--gap", "0.02"], "linger": "60s", "stop": "2s"}
    return {
        "auth": {"mode": "open"},
        "store": "memory",
        "scrape": {"enabled": False},
        "cache": {"exact": {"enabled": False}},
        "coalesce": {"enabled": False},
        "timeouts": {"connect": "1s", "first_token": "2s", "idle": "2s"},
        "retries": {"max": 4},
        "upstreams": {"pool": {"kind": "vllm", "discover": {"scaling": True}}},
        "models": {"m": {"upstreams": ["pool"]}},
        "scaling": {"pools": {"pool": {"min": REPLICAS, "max": REPLICAS, "ray": ray}}},
    }


async def one_call(port: int, question: str, stream: bool) -> str:
    """What is wrong with the answer; "" for nothing."""
    asked = {
        "model": "m", "max_tokens": WORDS, "stream": stream, "messages": [{"role": "user", "content": question}],
    }  # fmt: skip
    got = await exchange(port, "POST", "/v1/chat/completions", json.dumps(asked).encode())
    head, _, body = got.partition(b"\r\n\r\n")
    if b" 200 " not in head[:16]:
        return f"{head[:40]!r} {body[:300]!r}"
    if stream:
        events = [json.loads(row[6:]) for row in body.splitlines() if row.startswith(b"data: {")]
        text = "".join(one["delta"].get("content") or "" for event in events for one in event.get("choices", []))
        if b"data: [DONE]" not in body:
            return f"a stream was cut after {len(text.split())} words: {body[-200:]!r}"
    else:
        text = json.loads(body)["choices"][0]["message"]["content"]
    right = "".join(words(question, WORDS))
    return "" if text == right else f"wrong: {text!r} instead of {right!r}"


async def keep_asking(port: int, name: int, outcome: Outcome, over: asyncio.Event) -> None:
    """A caller: every second call is a stream."""
    turn = 0
    while not over.is_set():
        turn += 1
        began = time.monotonic()
        stream = turn % 2 == 0
        try:
            wrong = await one_call(port, f"question {name}.{turn}", stream)
        except (ValueError, LookupError) as error:
            wrong = repr(error)
        outcome.calls += 1
        outcome.streams += stream
        outcome.seconds.append(time.monotonic() - began)
        if wrong:
            outcome.failed.append(f"{time.strftime('%H:%M:%S')} {'stream' if stream else 'whole'}: {wrong}")


async def standing(port: int) -> int:
    """Ready replicas of the pool, as its actuator tells."""
    _, _, body = (await exchange(port, "GET", "/admin/v1/scaling?pool=pool")).partition(b"\r\n\r\n")
    with contextlib.suppress(ValueError, LookupError):
        return find_ready(json.loads(body))
    return 0


def find_ready(value: Any) -> int:
    """However deep the answer tells it: the replicas that are ready."""
    if isinstance(value, dict):
        if isinstance(value.get("replicas"), list):
            return sum(one.get("state") == "ready" for one in value["replicas"])
        return max((find_ready(one) for one in value.values()), default=0)
    return 0


async def until(fact: Callable[[], Any], seconds: float) -> bool:
    """Wait for it."""
    limit = time.monotonic() + seconds
    while not await fact():
        if time.monotonic() > limit:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True


async def kill_one(port: int, cluster: RayCluster, draw: random.Random) -> Kill:
    """Kill a node, have it come back, and wait until all replicas stand."""
    kill = Kill(draw.choice(NODES))
    began = time.monotonic()
    await asyncio.to_thread(cluster.nodes[kill.node].kill)
    pause = draw.uniform(2.0, 10.0)
    fell = asyncio.Event()

    async def stands() -> bool:
        count = await standing(port)
        kill.fewest = min(kill.fewest, count)
        if count < REPLICAS:
            fell.set()
        # Before the loss was noticed all seem to stand: a node without a replica loses none.
        return count >= REPLICAS and (fell.is_set() or time.monotonic() - began > NOTICED_SECONDS)

    async def back() -> None:
        await until(stands, PATIENCE_SECONDS)
        kill.back, kill.lost = time.monotonic() - began, fell.is_set()

    async def rejoin() -> None:
        await asyncio.sleep(pause)
        await asyncio.to_thread(cluster.add, kill.node)
        kill.away = time.monotonic() - began

    await asyncio.gather(back(), rejoin())
    print(f"node {kill.node}: away {kill.away:.1f} s, all replicas after {kill.back:.1f} s", flush=True)
    return kill


async def measure(folder: Path, cluster: RayCluster, seconds: float, callers: int, seed: int) -> Outcome:
    """The whole run."""
    outcome, draw = Outcome(), random.Random(seed)
    gateway = Gateway(folder, config(cluster.address))
    gateway.start()
    try:
        await gateway.until_it_answers()

        async def all_stand() -> bool:
            return await standing(gateway.port) >= REPLICAS

        if not await until(all_stand, PATIENCE_SECONDS):
            raise RuntimeError(f"the replicas never came: {(folder / 'log').read_text()[-2000:]}")
        over = asyncio.Event()
        asking = [asyncio.create_task(keep_asking(gateway.port, name, outcome, over)) for name in range(callers)]
        until_when = time.monotonic() + seconds
        while time.monotonic() < until_when:
            await asyncio.sleep(draw.uniform(2.0, 8.0))
            outcome.kills.append(await kill_one(gateway.port, cluster, draw))
        over.set()
        await asyncio.gather(*asking)
        outcome.retried = await gateway.metric("penstock_retries_total")
        for line in (await gateway.metrics()).splitlines():
            if line.startswith("penstock_rescues_total"):
                name, _, value = line.rpartition(" ")
                outcome.rescued[name.partition("how=")[2].strip('"}')] = float(value)
        # What the gateway leaves stays until nobody has asked for `linger`; here all of it ends with the cluster.
    finally:
        gateway.kill()
    return outcome


def problems(outcome: Outcome) -> list[str]:
    """Which promises were not kept."""
    found = [f"{len(outcome.failed)} of {outcome.calls} calls failed"] if outcome.failed else []
    late = [kill for kill in outcome.kills if kill.back > BACK_SECONDS]
    return [*found, *(f"replicas of node {kill.node} took {kill.back:.0f} s" for kill in late)]


def shown(outcome: Outcome) -> str:
    """A table of it."""
    back = sorted(kill.back for kill in outcome.kills if kill.lost)
    seconds = sorted(outcome.seconds)
    rescued = sum(count for how, count in outcome.rescued.items() if how not in ("failed", "ended"))
    return table(
        [
            {
                "nodes killed": str(len(outcome.kills)),
                "with replicas": str(len(back)),
                "calls": f"{outcome.calls:,}",
                "of them streams": f"{outcome.streams:,}",
                "failed": str(len(outcome.failed)),
                "streams rescued": number(rescued, 0),
                "rescues failed": number(outcome.rescued.get("failed", 0.0), 0),
                "fewest replicas": str(min(kill.fewest for kill in outcome.kills)),
                "all again after s, p50": number(percentile(back, 50), 1),
                "latest": number(back[-1] if back else float("nan"), 1),
                "call p50 s": number(percentile(seconds, 50), 2),
                "slowest": number(seconds[-1], 2),
            }
        ]
    )


def main() -> None:
    wants = argparse.ArgumentParser(prog="python -m bench.ray_nodes", description=__doc__)
    wants.add_argument("--minutes", type=float, default=5.0)
    wants.add_argument("--callers", type=int, default=12)
    wants.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = wants.parse_args()
    about = machine.describe()
    print(machine.headline(about), f"seed {given.seed}", flush=True)
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with ray_cluster(*NODES) as cluster, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(measure(Path(folder), cluster, given.minutes * 60, given.callers, given.seed))
    print(shown(outcome))
    wrong = problems(outcome)
    print("\n".join([*outcome.failed[:10], *wrong]) or "the bars are met")
    target = machine.CACHE / "results" / "ray_nodes.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"machine": about, "seed": given.seed, "outcome": asdict(outcome)}, indent=1))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
