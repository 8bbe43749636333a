"""Does an answer survive its engine? Two replicas of the embedded model, one killed by SIGKILL at a random token.

Each answer (temperature 0) must equal the uncut one; the pause is the longest between two events of a killed stream
from the kill on. Prints a table and writes its samples; exit 1 when an answer differs or is truncated.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import machine
from bench.stats import number, percentile, table
from penstock.core.tasks import Crew
from penstock.net.replica import Pace, Replica
from penstock.net.server import bind
from penstock.process.asked import Near
from penstock.process.loop import run
from penstock.process.spec import Source
from penstock.process.team import Team
from penstock.process.worker import Worker
from penstock.providers.local.engine import EngineOptions
from penstock.providers.local.service import LocalEngine
from penstock.routing.upstream_config import UpstreamConfig

CONFIG = """
auth: {mode: open}
upstreams: {engine: {kind: local, replicas: {min: 2, max: 2}}}
models: {m: {upstreams: [engine]}}
retries: {max: 4}
"""
SUBJECTS = ("Paris", "rain", "rivers", "the moon", "bread", "trains", "old maps", "bees", "winter", "glass")
PACE = Pace(first_pause=0.05, longest_pause=0.1, calm=1e9)
"""A replica that was killed comes back at once: it is the kill that is measured, not the patience after it."""


@dataclass(frozen=True)
class Answer:
    """What one caller got. ``pause``: seconds, 0 without a kill; ``story``: the final comment."""

    text: str
    finish: str
    done: bool
    pause: float
    killed_at: int
    story: str


class Engines:
    """One engine of two replicas, as the gateway asks for it."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self.running: LocalEngine | None = None

    def engine(self, name: str, config: UpstreamConfig) -> LocalEngine:
        """The engine, started at first use."""
        if self.running is None:
            self.running = LocalEngine(name, EngineOptions(), minimum=2, maximum=2, pace=PACE)
            self._crew.supervise(self.running)
        return self.running

    def embedder(self, name: str, config: UpstreamConfig) -> LocalEngine:
        """The same: nobody asks for embeddings here."""
        return self.engine(name, config)

    @property
    def replicas(self) -> list[Replica]:
        return self.running.replicas if self.running is not None else []

    async def both_ready(self, within: float = 60.0) -> None:
        async with asyncio.timeout(within):
            while sum(replica.ready for replica in self.replicas) < 2:  # noqa: ASYNC110 - they tell nobody but their engine
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """End the replica that is answering."""
        for replica in self.replicas:
            if replica.in_flight and replica.pid:
                os.kill(replica.pid, signal.SIGKILL)
                return


@contextlib.asynccontextmanager
async def gateway() -> AsyncIterator[tuple[int, Engines]]:
    """A gateway in this process in front of two replicas: its port, and them."""
    crew = Crew("bench")
    engines = Engines(crew)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder, "penstock.yaml")
        path.write_text(CONFIG)  # noqa: ASYNC240 - small, and nothing else runs yet
        source = Source(str(path))
        spec = source.read()
        team = Team(source, spec)
        worker = Worker(0, team, engines)
        listener = bind("127.0.0.1", 0)
        try:
            await worker.open(spec, listener)
            team.members[0] = Near(0, worker.answers)
            await engines.both_ready()
            yield listener.getsockname()[1], engines
        finally:
            worker.gateway.server.stop_accepting()
            worker.gateway.server.abort_all()
            await worker.aclose()
            await crew.aclose()
            listener.close()


async def ask(port: int, prompt: str, tokens: int, kill_at: int = 0, kill: Callable[[], None] | None = None) -> Answer:
    """One streamed answer; ``kill`` is called after ``kill_at`` pieces of text."""
    body = json.dumps({
        "model": "m", "stream": True, "temperature": 0, "max_tokens": tokens,
        "messages": [{"role": "user", "content": prompt}],
    }).encode()  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
    text, finish, done, story, pieces, pause, last = "", "", False, "", 0, 0.0, 0.0
    async with asyncio.timeout(120):
        async for line in reader:
            if line.startswith(b": penstock"):
                story = line.decode().strip()
            elif line.startswith(b"data: [DONE]"):
                done = True
            elif line.startswith(b"data: {"):
                choice = (json.loads(line[6:]).get("choices") or [{}])[0]
                finish = choice.get("finish_reason") or finish
                piece = choice.get("delta", {}).get("content")
                if not piece:
                    continue
                now = time.perf_counter()
                pause, last = (max(pause, now - last) if last else 0.0), (now if last else 0.0)
                text += piece
                pieces += 1
                if kill is not None and pieces == kill_at:
                    last = time.perf_counter()
                    kill()
    writer.close()
    return Answer(text, finish, done, pause, kill_at, story)


async def measure(answers: int, tokens: int, seed: int) -> list[tuple[Answer, Answer]]:
    """Each answer uncut and with a kill, one after another."""
    draw = random.Random(seed)
    samples = []
    async with gateway() as (port, engines):
        for turn in range(answers):
            prompt = f"Tell me something about {SUBJECTS[turn % len(SUBJECTS)]}, please ({turn})."
            uncut = await ask(port, prompt, tokens)
            killed = await ask(port, prompt, tokens, draw.randint(1, max(1, tokens - 2)), engines.kill)
            samples.append((uncut, killed))
            await engines.both_ready()
    return samples


def equal(uncut: Answer, killed: Answer) -> bool:
    """Whether nobody can tell the two apart."""
    return (uncut.text, uncut.finish, True) == (killed.text, killed.finish, killed.done)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    samples = run(measure(options.answers, options.tokens, options.seed))
    same = sum(equal(uncut, killed) for uncut, killed in samples)
    rescued = [killed for _, killed in samples if killed.story]
    pauses = sorted(killed.pause for killed in rescued)
    print(table([{
        "answers": str(len(samples)), "equal": str(same), "rescued": str(len(rescued)),
        "truncated": str(sum(not killed.done for _, killed in samples)),
        "pause p50 ms": number(percentile(pauses, 50) * 1000), "p99 ms": number(percentile(pauses, 99) * 1000),
    }]))  # fmt: skip
    for uncut, killed in samples:
        if not equal(uncut, killed):
            print(f"differs: {uncut.text!r}\n     and {killed.text!r} {killed.story}", file=sys.stderr)
    folder = machine.CACHE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rescue.json").write_text(json.dumps([asdict(killed) for _, killed in samples], indent=1))
    return 0 if same == len(samples) else 1


if __name__ == "__main__":
    sys.exit(main())
