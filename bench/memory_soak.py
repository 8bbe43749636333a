"""Does memory stay where it is? A mixed load for an hour (streams, chats, embeddings, callers that leave, errors).

Then 256 large bodies at once. Asked at the end: is memory that of minute 5 within 5 %, is it back within a minute after
the burst, was the leak watch silent, was every call answered as it had to be? Prints JSON; exits 1 when not.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import machine
from bench.process import parse_kib

MIB = 1024 * 1024
BODY = "x" * 1020
BURST_BODIES = 256
BURST_BYTES = MIB
MOST_DRIFT = 0.05
BACK_SECONDS = 60.0
LOOK_SECONDS = 1.0
CACHE_ENTRIES = 1000
"""There after four minutes. The default, 100,000, would fill all the hour, half a kilobyte each, as if it leaked."""
MEAN_OF = 20
"""Looks that a moment's memory is the median of."""


@dataclass(frozen=True)
class Options:
    """How much is run. ``settle_share``: of the time, before memory is compared; five minutes of an hour."""

    minutes: float = 60.0
    rate: float = 40.0
    settle_minutes: float = 5.0
    seed: int = 1


@dataclass
class Soak:
    """What came of it; memory in bytes."""

    options: Options
    kinds: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)
    early: int = 0
    late: int = 0
    drift: float = 0.0
    by_minute: list[int] = field(default_factory=list)
    burst_before: int = 0
    burst_peak: int = 0
    burst_after: int = 0
    back_seconds: float | None = None
    burst_answers: dict[str, int] = field(default_factory=dict)
    collector: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Gateway:
    """A gateway of its own in front of an echo: it answers everything itself."""

    def __init__(self, folder: Path, more: str = "", command: tuple[str, ...] = ("penstock", "serve")) -> None:
        self.port = machine.free_port()
        config = folder / "penstock.yaml"
        config.write_text(
            f"listen: {{port: {self.port}}}\nauth: {{mode: open}}\nobserve: {{access_log: off}}\n"
            f"store: sqlite:{folder}/store.db\n"
            "upstreams: {e: {kind: echo}, slow: {kind: echo, tokens_per_second: 40}}\n"
            "models: {m: {upstreams: [e]}, slow: {upstreams: [slow]}}\n"
            f"cache: {{memory: 16MiB, entries: {CACHE_ENTRIES}}}\n" + more
        )
        env = {**os.environ, "PYTHONPATH": str(machine.ROOT / "src")}
        homes = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
        self.env = env = {**env, **dict.fromkeys(homes, str(folder))}
        self.log = folder / "log"
        with self.log.open("wb") as out:
            argv = [sys.executable, "-m", *command, "--config", str(config)]
            self._process = subprocess.Popen(argv, env=env, stdout=out, stderr=out, cwd=machine.ROOT)

    async def ready(self) -> None:
        """Wait until it answers. Raises RuntimeError."""
        until = time.monotonic() + 30
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if (await ask(self.port, "/v1/chat/completions", {"model": "m", "messages": []}, 5.0)) is not None:
                    return
            except OSError:
                await asyncio.sleep(0.05)
        raise RuntimeError(f"the gateway does not answer: {self.log.read_text()[-1000:]}")

    def rss(self) -> int:
        """Bytes resident."""
        return parse_kib(Path(f"/proc/{self._process.pid}/status").read_text(), "VmRSS")

    def numbers(self) -> dict[str, float]:
        """Its metrics of the collector and of leaks."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=300) as answer:
            page = answer.read().decode()
        found = re.findall(r"^(penstock_(?:collector|leak)\S*) (\S+)$", page, re.MULTILINE)
        return {name: float(value) for name, value in found if "_bucket" not in name}

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


def encoded(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nconnection: close\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body


async def ask(port: int, path: str, body: dict[str, Any] | bytes, within: float, leave_after: int = 0) -> int | None:
    """The status, once the answer is whole; None when the caller left after so many bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(encoded(path, data))
            got = await reader.readuntil(b"\r\n\r\n")
            left = leave_after
            while part := await reader.read(65536):
                left -= len(part)
                if leave_after and left <= 0:
                    return None
            return int(got[9:12])
        finally:
            writer.close()


KINDS = {"chat": 30, "embeddings": 25, "stream": 20, "abort": 10, "unknown model": 5, "broken": 5, "cached": 5}


async def call(port: int, kind: str, dice: random.Random) -> tuple[int | None, int | None]:
    """Make a call of ``kind``; the status that came, and the one that should."""
    text = f"{dice.random()} {BODY[: dice.randrange(1000)]}"
    messages = [{"role": "user", "content": text}]
    chat = "/v1/chat/completions"
    if kind == "embeddings":
        texts = [f"{text} {number}" for number in range(dice.randrange(1, 16))]
        return await ask(port, "/v1/embeddings", {"model": "m", "input": texts}, 30), 200
    if kind == "stream":
        return await ask(port, chat, {"model": "slow", "messages": messages, "stream": True, "max_tokens": 40}, 60), 200
    if kind == "abort":
        body = {"model": "slow", "messages": messages, "stream": True, "max_tokens": 200}
        return await ask(port, chat, body, 60, leave_after=dice.randrange(200, 3000)), None
    if kind == "unknown model":
        return await ask(port, chat, {"model": "nobody", "messages": messages}, 30), 404
    if kind == "broken":
        return await ask(port, chat, b'{"model": "m", "messages": [' + text.encode(), 30), 400
    if kind == "cached":
        messages = [{"role": "user", "content": f"question {dice.randrange(50)}"}]
        return await ask(port, chat, {"model": "m", "messages": messages, "temperature": 0}, 30), 200
    return await ask(port, chat, {"model": "m", "messages": messages}, 30), 200


async def mixed(port: int, seconds: float, rate: float, dice: random.Random, soak: Soak) -> None:
    """Calls at random moments, in bursts of changing strength, for ``seconds``."""
    counts, wrong = Counter(soak.kinds), Counter(soak.wrong)
    running: set[asyncio.Task[None]] = set()

    async def one(kind: str) -> None:
        try:
            came, wanted = await call(port, kind, dice)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            wrong[f"{kind}: {type(error).__name__}"] += 1
            return
        counts[kind] += 1
        if came != wanted and kind != "abort":  # who wants to leave may have got everything before
            wrong[f"{kind}: {came}"] += 1

    until = time.monotonic() + seconds
    while (now := time.monotonic()) < until:
        strength = rate * (2.5 if int(now) % 30 < 5 else 0.7)
        kind = dice.choices(list(KINDS), list(KINDS.values()))[0]
        task = asyncio.get_running_loop().create_task(one(kind))
        running.add(task)
        task.add_done_callback(running.discard)
        await asyncio.sleep(dice.expovariate(strength))
    if running:
        await asyncio.wait(running, timeout=60)
    soak.kinds, soak.wrong = dict(counts), dict(wrong)


async def looks(gateway: Gateway, seen: list[tuple[float, int]]) -> None:
    while True:
        seen.append((time.monotonic(), gateway.rss()))
        await asyncio.sleep(LOOK_SECONDS)


async def burst(
    gateway: Gateway, soak: Soak, back_seconds: float = BACK_SECONDS, bodies: int = BURST_BODIES,
    most: float = MOST_DRIFT,
) -> None:  # fmt: skip
    """Large bodies at once; how soon memory is back, but for the share ``most``."""
    port = gateway.port
    soak.burst_before = soak.burst_peak = gateway.rss()
    text = "word " * (BURST_BYTES // 5)
    body = json.dumps({"model": "m", "max_tokens": 4, "messages": [{"role": "user", "content": text}]}).encode()

    async def one() -> str:
        try:
            return str(await ask(port, "/v1/chat/completions", body, 120))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            return type(error).__name__

    asked = asyncio.gather(*(one() for _ in range(bodies)))
    while not asked.done():
        soak.burst_peak = max(soak.burst_peak, gateway.rss())
        await asyncio.sleep(0.02)
    soak.burst_answers = dict(Counter(asked.result()))
    ended = time.monotonic()
    bound = soak.burst_before * (1 + most)
    while time.monotonic() - ended < back_seconds:
        soak.burst_after = gateway.rss()
        if soak.burst_after <= bound:
            soak.back_seconds = round(time.monotonic() - ended, 1)
            return
        await asyncio.sleep(0.2)


def median_at(seen: list[tuple[float, int]], moment: float) -> int:
    """The memory around that moment."""
    near = sorted(seen, key=lambda one: abs(one[0] - moment))[:MEAN_OF]
    return int(statistics.median(rss for _, rss in near))


def verdict(soak: Soak, back_wanted: bool = True) -> list[str]:
    """What is not as it should be."""
    found = [f"{number} calls went wrong: {what}" for what, number in soak.wrong.items()]
    if abs(soak.drift) > MOST_DRIFT:
        found.append(f"memory moved by {soak.drift:+.1%} after it had settled")
    if soak.back_seconds is None and back_wanted:
        after, before = soak.burst_after / MIB, soak.burst_before / MIB
        found.append(f"after the burst {after:.0f} MiB stay, {before:.0f} were before")
    alarms = sum(value for name, value in soak.collector.items() if name.startswith("penstock_leak_alarms"))
    if alarms:
        found.append(f"{alarms:.0f} alarms about leaks where there is none")
    refused = {status: number for status, number in soak.burst_answers.items() if status not in ("200", "503")}
    if refused:
        found.append(f"bodies of the burst were answered {refused}")
    return found


async def measure(options: Options, folder: Path, **burst_options: Any) -> Soak:
    """Stand up, load, burst, let go."""
    soak, dice, gateway = Soak(options), random.Random(options.seed), Gateway(folder)
    seen: list[tuple[float, int]] = []
    try:
        await gateway.ready()
        began = time.monotonic()
        looking = asyncio.get_running_loop().create_task(looks(gateway, seen))
        await mixed(gateway.port, options.minutes * 60, options.rate, dice, soak)
        looking.cancel()
        soak.early = median_at(seen, began + options.settle_minutes * 60)
        soak.late = median_at(seen, seen[-1][0])
        soak.drift = round(soak.late / soak.early - 1, 4)
        soak.by_minute = [median_at(seen, began + 60 * minute) for minute in range(1, int(options.minutes) + 1)]
        await burst(gateway, soak, **burst_options)
        soak.collector = gateway.numbers()
    finally:
        gateway.stop()
    soak.problems = verdict(soak)
    return soak


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.memory_soak", description=__doc__)
    words.add_argument("--minutes", type=float, default=Options.minutes)
    words.add_argument("--settle-minutes", type=float, default=Options.settle_minutes)
    words.add_argument("--rate", type=float, default=Options.rate, help="calls a second, in the mean about")
    given = words.parse_args()
    options = Options(given.minutes, given.rate, given.settle_minutes)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        soak = asyncio.run(measure(options, Path(folder)))
    print(json.dumps({"machine": machine.describe(), **dataclasses.asdict(soak)}, indent=1))
    sys.exit(bool(soak.problems))


if __name__ == "__main__":
    main()
