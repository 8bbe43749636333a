"""Does anybody notice when the workers are renewed? Rolling restarts of four workers under load; exits 1 if one does.

Callers on connections of their own and callers that keep theirs, whole answers and streams, each answer known in
advance and checked whole. Each round is one ``penstock restart``. Leaves: calls by kind, those that failed or were
wrong, seconds a round, the slowest call.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench import built, machine
from bench.gateways import Gateway, ended
from bench.questions import MODEL, ask, config, fault, right, upstream

WORKERS = 4
KEPT, FRESH, STREAMS = 8, 6, 10
CALL_SECONDS = 30.0


@dataclass
class Load:
    """Callers that go on until it is over."""

    port: int
    over: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    questions: itertools.count[int] = field(default_factory=itertools.count)

    def note(self, kind: str, began: float, wrong: str) -> None:
        self.calls[kind] += 1
        self.slowest = max(self.slowest, time.monotonic() - began)
        if wrong:
            self.wrong.append(f"{kind}: {wrong}")

    async def fresh(self, stream: bool) -> None:
        while not self.over:
            question, began = f"question {next(self.questions)}", time.monotonic()
            told = await ask(self.port, question, stream=stream)
            self.note("streams" if stream else "fresh", began, fault(told, question))

    async def kept(self) -> None:
        """As every client of HTTP/1.1: the connection is used again until an answer says that it closes."""
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self.over:
            question, began = f"question {next(self.questions)}", time.monotonic()
            line = line or await asyncio.open_connection("127.0.0.1", self.port)
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    closes, wrong = await _once(*line, question)
            except (OSError, EOFError, TimeoutError) as error:
                closes, wrong = True, f"{question}: {error!r}"
            self.note("kept", began, wrong)
            if closes:
                line[1].close()
                line = None
        if line is not None:
            line[1].close()


async def _once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: str) -> tuple[bool, str]:
    asked = {"model": MODEL, "temperature": 0, "messages": [{"role": "user", "content": question}]}
    body = json.dumps(asked).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    writer.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
    answer = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", answer)
    text = await reader.readexactly(int(length[1]) if length else 0)
    closes = b"connection: close" in answer.lower()
    if b" 200 " not in answer[:16]:
        return closes, f"{question}: {answer[:12]!r} {text[:200]!r}"
    told = json.loads(text)["choices"][0]["message"]["content"]
    return closes, "" if told == right(question) else f"{question}: WRONG {told[:60]!r}"


async def restart(gateway: Gateway) -> str:
    """``penstock restart``; gives what went wrong."""
    own = {**os.environ, "PYTHONPATH": str(built.carried().folder), "XDG_RUNTIME_DIR": str(gateway.home)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "penstock", "restart", "--port", str(gateway.port), "--json",
        env=own, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return "" if process.returncode == 0 else said.decode(errors="replace")


async def measure(rounds: int, folder: Path) -> bool:
    """Print what was seen; whether nobody noticed."""
    home = folder / "home"
    async with upstream() as (port, _):
        gateway = Gateway(home, config(port, f"sqlite:{home / 'store.sqlite'}"), WORKERS)
        with ended(gateway):
            gateway.start()
            await gateway.until_it_answers()
            load, took, refused = Load(gateway.port), [], []
            callers = [load.kept() for _ in range(KEPT)] + [load.fresh(stream=False) for _ in range(FRESH)]
            tasks = [asyncio.create_task(one) for one in [*callers, *(load.fresh(stream=True) for _ in range(STREAMS))]]
            for _ in range(rounds):
                began = time.monotonic()
                if problem := await restart(gateway):
                    refused.append(problem)
                took.append(time.monotonic() - began)
                await asyncio.sleep(1.0)
            load.over = True
            await asyncio.gather(*tasks)
    print(f"{rounds} restarts of {WORKERS} workers, {sorted(took)[len(took) // 2]:.1f} s each (median)")
    print(f"calls: {dict(load.calls)}; failed or wrong: {len(load.wrong)}; the slowest {load.slowest:.2f} s")
    for line in [*load.wrong[:10], *refused[:3]]:
        print(f"  {line}")
    return not load.wrong and not refused


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m bench.restart", description=__doc__)
    words.add_argument("--rounds", type=int, default=5)
    given = words.parse_args()
    print(machine.headline(built.about()))
    with tempfile.TemporaryDirectory(prefix="penstock-restart-") as folder:
        return 0 if asyncio.run(measure(given.rounds, Path(folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
