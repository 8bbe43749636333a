"""Does a call fail when an upstream does? One of three is killed, hung, slowed or made to flap under load.

Each answer must be whole, word for word. Counts calls that failed, attempts sent to the bad one while it was bad, and
how soon after its recovery it serves again. Prints a table; exit 1 when a call failed, or one of the bounds is passed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import machine
from bench.failing import TEXT, Failing
from bench.stats import number, percentile, table
from penstock.net.server import bind
from penstock.process.asked import Near
from penstock.process.loop import run
from penstock.process.spec import Source
from penstock.process.team import Team
from penstock.process.worker import Worker
from penstock.routing.targets import Target

PROBE_SECONDS = 0.5
CONFIG = """
auth: {mode: open}
timeouts: {connect: 1s, first_token: 1s, idle: 1s, total: 20s}
health:
  slow_start: 1s
  breaker: {failures: 5, open: 200ms, longest: 2s}
upstreams:
%s
models: {m: {upstreams: [a, b, c], strategy: %s}}
"""
UPSTREAM = f'  %s: {{kind: vllm, base_url: "%s", health: {{interval: {PROBE_SECONDS:g}s, timeout: 200ms, bad: 2}}}}'
FAILURES = 5
"""As configured: what a breaker takes before it opens."""
STRATEGIES = ("adaptive", "least_connections", "round_robin")
FLAP_SECONDS = 0.4

Harm = Callable[[Failing, float], Awaitable[None]]


async def killed(one: Failing, seconds: float) -> None:
    one.kill()
    await asyncio.sleep(seconds)


async def hung(one: Failing, seconds: float) -> None:
    one.hang()
    await asyncio.sleep(seconds)


async def slowed(one: Failing, seconds: float) -> None:
    one.slow()
    await asyncio.sleep(seconds)


async def flapping(one: Failing, seconds: float) -> None:
    for _ in range(flaps(seconds)):
        one.kill()
        await asyncio.sleep(FLAP_SECONDS)
        await one.heal()
        await asyncio.sleep(FLAP_SECONDS)


def flaps(seconds: float) -> int:
    return max(1, round(seconds / (2 * FLAP_SECONDS)))


HARMS: dict[str, Harm] = {"killed": killed, "hung": hung, "slowed": slowed, "flapping": flapping}


@dataclass
class Outcome:
    """One run. ``downs``: how often the bad one went down; ``tried``: attempts at it from the first time on until it
    was well; ``openings`` of its breaker; ``back``: seconds from its recovery to the next call that it served;
    ``failed``: what callers were told."""

    harm: str
    strategy: str
    calls: int = 0
    failed: list[str] = field(default_factory=list)
    downs: int = 1
    tried: int = 0
    openings: int = 0
    back: float = 0.0
    slowest: float = 0.0

    def bound(self, callers: int) -> int:
        """The most attempts at one that does not answer: each time that it goes down, those that are under way when
        its breaker opens and those that open it; and one trial for each opening."""
        return self.downs * (callers + FAILURES) + self.openings


@contextlib.asynccontextmanager
async def gateway(those: list[Failing], strategy: str) -> AsyncIterator[tuple[int, dict[str, Target]]]:
    """A gateway in this process in front of ``those``: its port, and its targets."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder, "penstock.yaml")
        rows = [UPSTREAM % (name, one.url) for name, one in zip("abc", those, strict=True)]
        path.write_text(CONFIG % ("\n".join(rows), strategy))  # noqa: ASYNC240 - small, and nothing else runs yet
        source = Source(str(path))
        spec = source.read()
        team = Team(source, spec)
        worker = Worker(0, team)
        listener = bind("127.0.0.1", 0)
        try:
            await worker.open(spec, listener)
            team.members[0] = Near(0, worker.answers)
            yield listener.getsockname()[1], {target.name: target for target in worker.gateway.upstreams.targets}
        finally:
            worker.gateway.server.stop_accepting()
            worker.gateway.server.abort_all()
            await worker.aclose()
            listener.close()


async def ask(port: int, stream: bool) -> str:
    """One call. "" when its answer was whole, else what was wrong with it."""
    asked = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "count"}]}
    body = json.dumps(asked).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = b"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
        async with asyncio.timeout(30):
            got = (await reader.read()).decode()
    finally:
        writer.close()
    if not got.startswith("HTTP/1.1 200"):
        return got[:400]
    text = got.partition("\r\n\r\n")[2]
    if stream:
        events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        said = "".join((event.get("choices") or [{}])[0].get("delta", {}).get("content") or "" for event in events)
        whole = said == TEXT and "data: [DONE]" in text
    else:
        whole = json.loads(text)["choices"][0]["message"]["content"] == TEXT
    return "" if whole else f"not whole: {text[-300:]}"


async def keep_asking(port: int, outcome: Outcome, streams: bool, over: asyncio.Event) -> None:
    """One caller: call after call. ``streams``: nothing but streams, else each second one is."""
    turn = 0
    while not over.is_set():
        turn += 1
        began = time.monotonic()
        try:
            wrong = await ask(port, streams or turn % 2 == 0)
        except (OSError, TimeoutError, ValueError) as error:
            wrong = repr(error)
        outcome.calls += 1
        outcome.slowest = max(outcome.slowest, time.monotonic() - began)
        if wrong:
            outcome.failed.append(wrong)


async def one_run(harm: str, strategy: str, victim: int, callers: int, seconds: float) -> Outcome:
    """Some time of peace, ``seconds`` of harm, and the time until the victim serves again."""
    outcome = Outcome(harm, strategy, downs=flaps(seconds) if harm == "flapping" else 1)
    those = [Failing() for _ in range(3)]
    for one in those:
        await one.start()
    over = asyncio.Event()
    async with gateway(those, strategy) as (port, targets), asyncio.TaskGroup() as group:
        # A whole answer may take all the time that its call has: of one that hangs nothing can be said before.
        for _ in range(callers):
            group.create_task(keep_asking(port, outcome, harm == "hung", over))
        await asyncio.sleep(0.5)
        bad, target = those[victim], targets["abc"[victim]]
        before = target.served
        await HARMS[harm](bad, seconds)
        outcome.tried, outcome.openings = target.served - before, target.health.breaker.openings
        await bad.heal()
        outcome.back = await back_in_service(target)
        await asyncio.sleep(0.2)
        over.set()
    for one in those:
        one.kill()
    return outcome


async def back_in_service(target: Target) -> float:
    """Seconds until a call that was sent there from now on began to be answered; 10 when none was."""
    now = time.monotonic()
    served = target.served
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while target.served == served:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)
            sent = time.monotonic()
            while target.health.breaker.last_well < sent:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)
            return time.monotonic() - now
    return 10.0


def broken(outcome: Outcome, callers: int, slack: float) -> list[str]:
    """Which promises a run did not keep. ``slack``: seconds that a busy machine may take besides."""
    wrong = [f"{outcome.harm}: a call failed: {what}" for what in outcome.failed[:3]]
    if outcome.harm == "slowed":
        return wrong  # it is never out of service; who is asked is for the strategy to say
    if outcome.tried > outcome.bound(callers):
        wrong.append(f"{outcome.harm}: {outcome.tried} attempts at the bad one, {outcome.openings} openings")
    if outcome.back > PROBE_SECONDS + slack:
        wrong.append(f"{outcome.harm}: back only after {outcome.back:.2f} s")
    return wrong


def summary(outcomes: list[Outcome]) -> dict[str, str]:
    """A row of the table."""
    back = sorted(outcome.back for outcome in outcomes)
    tried = sorted(float(outcome.tried) for outcome in outcomes)
    return {
        "one of three is": outcomes[0].harm,
        "strategy": outcomes[0].strategy,
        "runs": str(len(outcomes)),
        "calls": str(sum(outcome.calls for outcome in outcomes)),
        "failed": str(sum(len(outcome.failed) for outcome in outcomes)),
        "attempts at it p50": number(percentile(tried, 50), 0),
        "most": number(tried[-1], 0),
        "back after p50 ms": number(percentile(back, 50) * 1000, 0),
        "latest ms": number(back[-1] * 1000, 0),
        "slowest call s": number(max(outcome.slowest for outcome in outcomes), 2),
    }


async def measure(runs: int, callers: int, seconds: float, seed: int) -> list[list[Outcome]]:
    """Each harm with each strategy."""
    draw = random.Random(seed)
    cells = []
    for harm in HARMS:
        for strategy in STRATEGIES:
            cells.append([await one_run(harm, strategy, draw.randrange(3), callers, seconds) for _ in range(runs)])
    return cells


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="of each harm with each strategy")
    parser.add_argument("--callers", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=4.0, help="of harm")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    cells = run(measure(options.runs, options.callers, options.seconds, options.seed))
    print(table([summary(cell) for cell in cells]))
    outcomes = [outcome for cell in cells for outcome in cell]
    wrong = [line for outcome in outcomes for line in broken(outcome, options.callers, slack=0.5)]
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    folder = machine.CACHE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "failover.json").write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
