"""Does a batch job that is killed lose a line, or ask one again that it had? SIGKILL for the whole gateway.

One job of 10,000 lines; all processes die at a random moment (also while they start), and start again, 50 times, while
it runs. Then it ends, and its output is read: every line once, each with its own answer. What the upstream was asked is
counted: a line may be asked again only if its answer was not on the disk when its gateway died, of which there are at
most as many as may be in flight. Exits 1 when that does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from bench import machine
from bench.gateways import Gateway, ended
from bench.questions import MODEL, Upstream, exchange, right, upstream
from bench.stats import number, table
from penstock.jobs.record import whole_records

CONCURRENCY = 32
ANSWER_SECONDS = 0.01
BOUNDARY = "bench-boundary"
END_SECONDS = 120.0


@dataclass
class Outcome:
    """What came of the kills. ``unkept``: for each kill, lines that had been asked and were not on the disk; ``again``:
    calls beyond one a line. Seconds."""

    lines: int = 0
    kills: int = 0
    workers: int = 1
    starting: int = 0
    done_at: list[int] = field(default_factory=list)
    unkept: list[int] = field(default_factory=list)
    calls: int = 0
    again: int = 0
    most_again: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class Slow(Upstream):
    """It takes its time, in which a gateway may die."""

    def _whole(self, told: dict[str, Any]) -> None:
        asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._late, told)

    def _late(self, told: dict[str, Any]) -> None:
        if not self._transport.is_closing():
            super()._whole(told)


def made(folder: Path, port: int, workers: int) -> Gateway:
    """A gateway whose jobs lie in its home."""
    config = {
        "auth": {"mode": "open"},
        "upstreams": {"up": {"kind": "openai", "base_url": f"http://127.0.0.1:{port}/v1", "health": {"probe": "off"}}},
        "models": {MODEL: {"upstreams": ["up"]}},
        "jobs": {"directory": str(folder / "jobs"), "concurrency": CONCURRENCY},
    }
    return Gateway(folder / "home", config, workers)


def question(number: int) -> str:
    """What a line asks."""
    return f"line {number}"


def lines(count: int) -> bytes:
    """The job's file."""
    return b"".join(
        json.dumps(
            {
                "custom_id": f"id-{number}", "method": "POST", "url": "/v1/chat/completions",
                "body": {"model": MODEL, "messages": [{"role": "user", "content": question(number)}]},
            }
        ).encode() + b"\n"
        for number in range(count)
    )  # fmt: skip


async def asked_json(
    port: int, method: str, path: str, body: bytes = b"", kind: str = "application/json"
) -> dict[str, Any]:
    """An answer of the gateway, once it gives one."""
    until = time.monotonic() + END_SECONDS
    while time.monotonic() < until:
        head, blank, told = (await exchange(port, method, path, body, kind=kind)).partition(b"\r\n\r\n")
        if blank and b" 200 " in head[:16]:
            value: dict[str, Any] = json.loads(told)
            return value
        await asyncio.sleep(0.02)
    raise RuntimeError(f"{method} {path} was not answered")


async def begun(port: int, count: int) -> str:
    """Upload the lines and make the job; its id."""
    form = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n'
    ).encode() + lines(count) + f"\r\n--{BOUNDARY}--\r\n".encode()  # fmt: skip
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    file = await asked_json(port, "POST", "/v1/files", form, kind)
    wanted = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    job = await asked_json(port, "POST", "/v1/batches", json.dumps(wanted).encode())
    return str(job["id"])


def kept(folder: Path, job: str) -> int:
    """Lines whose answers are on the disk."""
    log = folder / "jobs" / "keys" / "open" / "batches" / job / "log"
    if not log.exists():
        return 0
    return len({outcome.n for outcome, _ in whole_records(log.read_bytes())})


def is_over(folder: Path, job: str) -> bool:
    """Whether it has been asked to the end."""
    facts = json.loads((folder / "jobs" / "keys" / "open" / "batches" / job / "job.json").read_bytes())
    return facts.get("status") not in ("validating", "in_progress")


async def kill_often(folder: Path, count: int, kills: int, seed: int, workers: int, life: float) -> Outcome:
    """Start, kill, start again; then let it end, and look at what came of it."""
    outcome, dice = Outcome(count, workers=workers), random.Random(seed)
    async with upstream(Slow) as (port, asked):
        gateway = made(folder, port, workers)
        with ended(gateway):
            gateway.start()
            await gateway.until_it_answers()
            began = time.monotonic()
            job = await begun(gateway.port, count)
            while outcome.kills < kills and not is_over(folder, job):
                await asyncio.sleep(life * dice.random())
                gateway.kill()
                outcome.kills += 1
                await asyncio.sleep(2 * ANSWER_SECONDS)  # what was sent has been read
                done = kept(folder, job)
                outcome.done_at.append(done)
                outcome.unkept.append(len(asked) - done)
                gateway.start()
                if dice.random() < 0.8:
                    await gateway.until_it_answers()
                else:
                    outcome.starting += 1  # the next kill may come while it starts
            await read_output(gateway, job, count, asked, outcome)
            outcome.seconds = time.monotonic() - began
    return outcome


async def read_output(gateway: Gateway, job: str, count: int, asked: Counter[str], outcome: Outcome) -> None:
    """Wait for the end, and look for lines that are missing, twice there, or not their own."""
    until = time.monotonic() + END_SECONDS
    while (told := await asked_json(gateway.port, "GET", f"/v1/batches/{job}"))["status"] != "completed":
        if time.monotonic() > until or told["status"] in ("failed", "expired", "cancelled"):
            outcome.faults.append(f"the job did not end well: {told}")
            return
        await asyncio.sleep(0.05)
    if told["error_file_id"] is not None or told["request_counts"] != {"total": count, "completed": count, "failed": 0}:
        outcome.faults.append(f"the job counts wrong: {told}")
    if told["usage"]["total_tokens"] != 14 * count:
        outcome.faults.append(f"the job's usage is {told['usage']}")
    answer = await exchange(gateway.port, "GET", f"/v1/files/{told['output_file_id']}/content")
    rows = [json.loads(line) for line in answer.partition(b"\r\n\r\n")[2].splitlines()]
    seen = Counter(row["custom_id"] for row in rows)
    outcome.faults += [f"{name} stands {times} times" for name, times in seen.items() if times != 1]
    for position in range(count):
        if f"id-{position}" not in seen:
            outcome.faults.append(f"id-{position} is missing")
    for row in rows:
        text = row["response"]["body"]["choices"][0]["message"]["content"]
        if text != right(question(int(row["custom_id"].removeprefix("id-")))):
            outcome.faults.append(f"{row['custom_id']} has the answer of another")
    outcome.calls = sum(asked.values())
    outcome.again = outcome.calls - count
    outcome.most_again = max(asked.values()) - 1


def problems(outcome: Outcome) -> list[str]:
    """Which promises were not kept."""
    wrong = list(outcome.faults)
    if outcome.unkept and max(outcome.unkept) > CONCURRENCY:
        wrong.append(f"{max(outcome.unkept)} lines were not on the disk at a kill; {CONCURRENCY} may be in flight")
    if outcome.again > sum(outcome.unkept):
        wrong.append(f"{outcome.again} calls too many, but only {sum(outcome.unkept)} lines were not kept at kills")
    return wrong


def shown(outcome: Outcome) -> str:
    """One row."""
    killed = sum(1 for done in outcome.done_at if 0 < done < outcome.lines)
    return table([{
        "lines": f"{outcome.lines:,}", "workers": str(outcome.workers), "kills": str(outcome.kills),
        "in mid-job": str(killed), "while it started": str(outcome.starting),
        "upstream calls": f"{outcome.calls:,}", "asked again": str(outcome.again),
        "asked and not kept at kills": f"{sum(outcome.unkept)} (at most {max(outcome.unkept, default=0)})",
        "faults": str(len(outcome.faults)), "seconds": number(outcome.seconds, 0),
    }])  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.jobs_kill", description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--life", type=float, default=0.14, help="seconds of work before a kill, at most")
    parser.add_argument("--workers", type=int, default=1, help="processes of which one has the job")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="penstock-jobs-") as folder:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(
                kill_often(Path(folder), options.lines, options.kills, options.seed, options.workers, options.life)
            )
    wrong = problems(outcome)
    told = asdict(outcome)
    if options.json:
        print(json.dumps(told | {"problems": wrong, "machine": machine.describe()}, indent=1))
    else:
        print(machine.headline(machine.describe()) + "\n\n" + shown(outcome))
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    results = machine.CACHE / "results"
    os.makedirs(results, exist_ok=True)
    (results / "jobs_kill.json").write_text(json.dumps(told, indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
