"""Does it hold at three times its capacity? Calls come by chance, whoever waits; several keys, four classes, deadlines.

Asked: how much of what the upstream can do is answered in time (goodput), who gets it, whether it collapses, and how
soon all is well when the load is gone; with a fixed limit, with one that is found out, and with none. The upstream has
a known number of seats. Exits 1 when a bar is missed with a limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, cast

import uvloop

from bench import built, machine, proxies, rig
from bench.seated import Seated
from bench.stats import number, percentile, table

SEATS = 32
PREFILL = 0.05
SECONDS = 0.4
BEFORE, AFTER, CALM = 10.0, 20.0, 0.6
"""Seconds before and after, and the load then."""
GOODPUT, HIGH, RECOVERY = 0.95, 0.99, 10.0
RESULTS = machine.ROOT / ".cache" / "bench" / "results" / "overload.json"
LIMITS = {"none": None, "fixed": SEATS, "adaptive": "adaptive"}


class Group(NamedTuple):
    """Calls of one kind: their class, the key, their share of the load, and how long their callers wait (seconds)."""

    priority: str
    key: str
    share: float
    deadline: float


GROUPS = (
    Group("high", "one", 0.10, 2.0),
    Group("normal", "one", 0.20, 5.0),
    Group("normal", "two", 0.20, 5.0),
    Group("low", "two", 0.25, 10.0),
    Group("batch", "three", 0.25, 30.0),
)


@dataclass
class Done:
    """What became of a call. ``came``: seconds since the beginning."""

    group: int
    came: float
    took: float = 0.0
    status: int = 0
    whole: bool = False
    retry_after: bool = False


class Caller(asyncio.Protocol):
    """One call on a connection of its own."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.got = bytearray()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._data)

    def data_received(self, data: bytes) -> None:
        self.got += data

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


def request(group: Group, key: str, stream: bool, text: str) -> bytes:
    """The bytes of a call."""
    messages = [{"role": "user", "content": text}]
    body = json.dumps({"model": "m", "stream": stream, "messages": messages}).encode()
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n"
        f"x-penstock-priority: {group.priority}\r\nx-penstock-deadline-ms: {group.deadline * 1000:.0f}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def call(port: int, done: Done, data: bytes, stream: bool) -> None:
    """Ask, and wait as long as the caller would."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    caller = Caller(data)
    try:
        async with asyncio.timeout(GROUPS[done.group].deadline):
            await loop.create_connection(lambda: caller, "127.0.0.1", port)
            await caller.over
    except (TimeoutError, OSError):
        if hasattr(caller, "transport"):
            caller.transport.abort()
    done.took = loop.time() - began
    head = bytes(caller.got.partition(b"\r\n\r\n")[0])
    done.status = int(head[9:12]) if head.startswith(b"HTTP/1.1 ") else 0
    done.retry_after = b"\r\nretry-after:" in head.lower()
    ended = b"data: [DONE]" if stream else b'"finish_reason":"stop"'
    done.whole = done.status == 200 and ended in caller.got


async def play(port: int, keys: dict[str, str], capacity: float, parts: Sequence[tuple[float, float]]) -> list[Done]:
    """Calls at ``parts``, pairs of seconds and load (in capacities)."""
    loop = asyncio.get_running_loop()
    draw = random.Random(7)
    weights = [group.share for group in GROUPS]
    begun = loop.time()
    at = until = 0.0
    calls: list[Done] = []
    running: set[asyncio.Task[None]] = set()
    for seconds, load in parts:
        until += seconds
        at = max(at, until - seconds)
        while (at := at + draw.expovariate(load * capacity)) < until:
            await asyncio.sleep(begun + at - loop.time())
            done = Done(draw.choices(range(len(GROUPS)), weights)[0], at)
            calls.append(done)
            group = GROUPS[done.group]
            stream = draw.random() < 0.7
            data = request(group, keys[group.key], stream, f"call {len(calls)}")
            task = asyncio.create_task(call(port, done, data, stream))
            running.add(task)
            task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running)
    return calls


@dataclass
class Seen:
    """What came of one run. ``goodput``: answers in time, over what the upstream can give; ``worst``: in the worst ten
    seconds but the first; ``honest``: refused ones that were told when to come back. Seconds."""

    limit: str
    offered: float = 0.0
    goodput: float = 0.0
    worst: float = 0.0
    by_class: dict[str, float] = field(default_factory=dict)
    high_p99: float = 0.0
    refused: int = 0
    honest: int = 0
    failed: int = 0
    recovery: float = 0.0


def judge(limit: str, calls: list[Done], capacity: float, before: float, during: float) -> Seen:
    """The figures of a run."""
    middle = [one for one in calls if before <= one.came < before + during]
    ends = [one.came + one.took for one in calls if one.whole and before <= one.came + one.took < before + during]
    seen = Seen(limit, offered=len(middle) / during / capacity, goodput=len(ends) / during / capacity)
    width = min(10.0, during / 3)
    bins = [0] * int(during / width)
    for end in ends:
        place = int((end - before) / width)
        if place < len(bins):
            bins[place] += 1
    seen.worst = min(bins[1:], default=0) / width / capacity
    for name in ("high", "normal", "low", "batch"):
        those = [one for one in middle if GROUPS[one.group].priority == name]
        seen.by_class[name] = sum(one.whole for one in those) / max(1, len(those))
    seen.high_p99 = percentile(sorted(one.took for one in middle if GROUPS[one.group].priority == "high"), 99)
    refused = [one for one in middle if one.status in (429, 503)]
    seen.refused, seen.honest = len(refused), sum(one.retry_after for one in refused)
    seen.failed = sum(not one.whole and one.status not in (429, 503) for one in middle)
    first = [one for one in calls if one.came < before]
    usual = 2.0 * percentile(sorted(one.took for one in first), 99)
    end = before + during
    # Of class batch what has piled up may take its time: its callers wait as long.
    later = [one for one in calls if one.came >= end]
    slow = [one for one in later if one.took > usual and GROUPS[one.group].priority != "batch"]
    ill = [one.came - end for one in [*slow, *(one for one in later if not one.whole)]]
    seen.recovery = max(ill, default=0.0)
    return seen


def problems(seen: Seen) -> list[str]:
    """The bars that were missed."""
    found: list[str] = []
    if seen.goodput < GOODPUT:
        found.append(f"goodput {seen.goodput:.1%} of capacity")
    if seen.by_class["high"] < HIGH:
        found.append(f"{seen.by_class['high']:.1%} of class high in time")
    if seen.worst < 0.8:
        found.append(f"goodput fell to {seen.worst:.1%} for ten seconds")
    if seen.recovery > RECOVERY:
        found.append(f"not as before until {seen.recovery:.1f} s after")
    if seen.honest < seen.refused:
        found.append(f"{seen.refused - seen.honest} refused without Retry-After")
    return found


class Limited(proxies.Penstock):
    """Penstock with three keys, no cache, and a limit at its one upstream. ``keys`` are told once it was launched."""

    def __init__(self, limit: int | str | None) -> None:
        super().__init__()
        self.limit = limit
        self.keys: dict[str, str] = {}

    def launch(self, site: proxies.Site) -> proxies.Launch:
        launch = super().launch(site)
        config = site.folder / "penstock.yaml"
        sections = json.loads(config.read_text())
        sections["listen"]["max_connections_per_peer"] = 20_000
        sections["cache"] = {"exact": {"enabled": False}}
        if self.limit is not None:
            for upstream in sections["upstreams"].values():
                upstream["max_in_flight"] = self.limit
        config.write_text(json.dumps(sections, indent=2))
        for name in sorted({group.key for group in GROUPS}):
            argv = [
                sys.executable,
                "-m",
                "penstock",
                "keys",
                "new",
                name,
                "--priority",
                "high",
                "--config",
                str(config),
            ]
            made = subprocess.run(argv, env=dict(launch.env), capture_output=True, text=True, check=True)
            found = [word for word in made.stdout.split() if word.startswith("sk-pen-")]
            self.keys[name] = found[0]
        return launch


def measure(limit: str, before: float, during: float, after: float, load: float, seats: int = SEATS) -> Seen:
    """One run against a gateway of its own."""

    async def main() -> Seen:
        engine = Seated(seats, PREFILL, SECONDS)
        await engine.start()
        value = LIMITS[limit]
        proxy = Limited(seats if value == SEATS else value)
        standing = rig.standing(proxy, engine.port)
        gateway = await asyncio.to_thread(standing.__enter__)
        try:
            parts = ((before, CALM), (during, load), (after, CALM))
            calls = await play(gateway.port, proxy.keys, engine.capacity, parts)
        finally:
            await asyncio.to_thread(standing.__exit__, None, None, None)
            await engine.aclose()
        return judge(limit, calls, engine.capacity, before, during)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def row(seen: Seen) -> dict[str, str]:
    """Of the table."""
    classes = {name: f"{share:.1%}" for name, share in seen.by_class.items()}
    return {
        "limit": seen.limit, "offered": f"{seen.offered:.2f}", "goodput": f"{seen.goodput:.1%}",
        "worst 10 s": f"{seen.worst:.1%}", **classes, "high p99 s": number(seen.high_p99, 2),
        "refused": f"{seen.refused:,}", "late, failed": f"{seen.failed:,}", "recovery s": number(seen.recovery),
    }  # fmt: skip


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__)
    words.add_argument("--minutes", type=float, default=5.0, help="of overload, for each limit")
    words.add_argument("--load", type=float, default=3.0, help="times the capacity")
    words.add_argument("--only", default=",".join(LIMITS), help="limits, with commas between")
    given = words.parse_args()
    about = built.about()
    print(machine.headline(about))
    machine.raise_descriptor_limit()
    rows, wrong, results = [], [], {}
    for limit in given.only.split(","):
        seen = measure(limit, BEFORE, given.minutes * 60.0, AFTER, given.load)
        rows.append(row(seen))
        results[limit] = asdict(seen)
        if limit != "none":
            wrong += [f"{limit}: {problem}" for problem in problems(seen)]
        print(f"{limit}: {json.dumps(asdict(seen))}", flush=True)
    print(table(rows))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": about, "results": results}, indent=2))
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
