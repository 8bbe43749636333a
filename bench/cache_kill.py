"""Does a cache that is killed while it writes ever tell half an answer, or another's? SIGKILL for the whole gateway.

Load of new and of repeated questions, streamed and whole; all processes die at a random moment, and start again on the
same SQLite file, again and again. Then a start with 100,000 entries in the store. Exits 1 when any answer is not the
right one, the file is not sound, or that start takes two seconds or longer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from bench import machine
from bench.cache_start import Start, made, start_with
from bench.gateways import Gateway, ended
from bench.questions import ask, exchange, fault, upstream
from bench.stats import number, percentile, table

START_BAR_SECONDS = 2.0
CALLERS = 8
CHECKED = 40
"""Questions that were answered before, asked again after each start: by the cache only, in both forms."""


@dataclass
class Outcome:
    """What came of the kills. ``cut``: answers that a kill ended, and that said so. Seconds."""

    kills: int = 0
    calls: int = 0
    hits: int = 0
    cut: int = 0
    checked: int = 0
    found: int = 0
    deleted: int = 0
    started: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Load:
    """Callers that ask until the gateway dies. ``known`` holds what was once answered whole."""

    def __init__(self, gateway: Gateway, outcome: Outcome, dice: random.Random) -> None:
        self._gateway = gateway
        self._outcome = outcome
        self._dice = dice
        self.known: list[str] = []
        self.gone: list[str] = []
        self.killed = False

    async def delete_one(self) -> None:
        """What the gateway says it has let go must not be told by the next one."""
        question = self._dice.choice(self.known)
        self.known = [one for one in self.known if one != question]
        told = await ask(self._gateway.port, question, mode="only")
        if b'"deleted":1' in await exchange(self._gateway.port, "DELETE", f"/admin/v1/cache/{told.entry}"):
            self.gone.append(question)

    async def keep_asking(self) -> None:
        """One caller: two of three questions are new, for it is the writing that is to be disturbed."""
        dice, outcome = self._dice, self._outcome
        while not self.killed:
            new = not self.known or dice.random() < 2 / 3
            question = f"asked {dice.getrandbits(64):x}" if new else dice.choice(self.known[-200:])
            told = await ask(self._gateway.port, question, stream=dice.random() < 0.5)
            outcome.calls += 1
            outcome.hits += told.hit
            wrong = fault(told, question)
            if not wrong:
                self.known.append(question)
            elif self.killed and (told.status == 0 or (not told.ended and "WRONG" not in wrong)):
                outcome.cut += 1
            else:
                outcome.faults.append(wrong)

    async def ask_again(self, count: int) -> None:
        """Of what was answered before: what the cache still has of it is right, and what was deleted is gone."""
        for question in self.gone[-count:]:
            if (await ask(self._gateway.port, question, mode="only")).hit:
                self._outcome.faults.append(f"after a kill: {question} was deleted, and is told")
        for question in self._dice.sample(self.known, min(count, len(self.known))):
            for stream in (False, True):
                told = await ask(self._gateway.port, question, stream=stream, mode="only")
                self._outcome.checked += 1
                self._outcome.found += told.hit
                if told.status != 504 and (wrong := fault(told, question)):
                    self._outcome.faults.append(f"after a kill: {wrong}")


def verify(home: Path, outcome: Outcome) -> None:
    """The file as the kill left it, read in a copy: SQLite finds no fault with it, and nobody set it aside."""
    names = [name for name in os.listdir(home) if name.startswith("store.sqlite")]
    with tempfile.TemporaryDirectory(dir=home) as folder:
        for name in names:
            shutil.copy(home / name, folder)
        with contextlib.closing(sqlite3.connect(Path(folder, "store.sqlite"))) as file:
            try:
                said = file.execute("PRAGMA integrity_check").fetchall()
            except sqlite3.DatabaseError as error:
                said = [(str(error),)]
    if said != [("ok",)]:
        outcome.faults.append(f"the file is not sound: {said[:3]}")
    outcome.faults += [f"{name} lies there" for name in names if "damaged" in name]


async def kill_often(folder: Path, kills: int, seed: int, workers: int, most_seconds: float) -> Outcome:
    """Start, check, load, kill; so often."""
    outcome, dice = Outcome(), random.Random(seed)
    async with upstream() as (port, _):
        gateway = made(folder, port, workers)
        load = Load(gateway, outcome, dice)
        with ended(gateway):
            while outcome.kills <= kills:
                began = gateway.start()
                await gateway.until_it_answers()
                first = await ask(gateway.port, question := f"first {outcome.kills}")
                outcome.started.append(time.monotonic() - began)
                if wrong := fault(first, question):
                    outcome.faults.append(wrong)
                await gateway.until_ready()
                await load.ask_again(CHECKED)
                outcome.faults += await damaged(gateway)
                if outcome.kills == kills:
                    break  # the last start only looks at what the last kill left
                load.killed = False
                async with asyncio.TaskGroup() as group:
                    for _ in range(CALLERS):
                        group.create_task(load.keep_asking())
                    await asyncio.sleep(most_seconds * dice.random())
                    if load.known:
                        await load.delete_one()
                        outcome.deleted = len(load.gone)
                    load.killed = True
                    gateway.kill()
                outcome.kills += 1
                await asyncio.to_thread(verify, gateway.home, outcome)
    return outcome


async def damaged(gateway: Gateway) -> list[str]:
    """What the gateway itself found damaged."""
    page = await gateway.metrics()
    return [line for line in page.splitlines() if 'reason="damaged"' in line and not line.endswith(" 0")]


def problems(outcome: Outcome, start: Start | None, bar: float = START_BAR_SECONDS) -> list[str]:
    """Which promises were not kept."""
    wrong = list(outcome.faults)
    if outcome.kills and not outcome.found:
        wrong.append("nothing that was answered before a kill was found after it")
    if start is not None and not 0 < start.ready < bar:
        wrong.append(f"the cache was ready {start.ready:.2f} s after a start with {start.entries:,} entries")
    return wrong


async def measure(options: argparse.Namespace) -> tuple[Outcome, Start | None]:
    """The kills, and the start."""
    with tempfile.TemporaryDirectory(prefix="penstock-kill-") as folder:
        killed = Path(folder, "killed")
        outcome = await kill_often(killed, options.kills, options.seed, options.workers, options.seconds)
        if not options.entries:
            return outcome, None
        start, faults = await start_with(Path(folder, "many"), options.entries)
        outcome.faults += faults
        return outcome, start


def shown(outcome: Outcome, start: Start | None) -> str:
    """Both tables."""
    times = sorted(outcome.started)
    tables = [table([{
        "kills": str(outcome.kills), "calls": f"{outcome.calls:,}", "hits": f"{outcome.hits:,}",
        "cut": str(outcome.cut),
        "asked again after a kill": f"{outcome.checked:,}", "hit": f"{outcome.found:,}",
        "deleted just before": str(outcome.deleted),         "faults": str(len(outcome.faults)),
        "exec to first answer p50 s": number(percentile(times, 50), 2),
        "max s": number(times[-1], 2),
    }])]  # fmt: skip
    if start is not None:
        tables.append(table([{
            "entries": f"{start.entries:,}", "exec to first answer s": number(start.first_answer, 2),
            "cache ready s": number(start.ready, 2), "… CPU s": number(start.cpu, 2),
            "first hit s": number(start.first_hit, 2), "longest silence ms": number(start.hold * 1000, 0),
        }]))  # fmt: skip
    return "\n\n".join(tables)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cache_kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.6, help="of load before a kill, at most")
    parser.add_argument("--workers", type=int, default=2, help="processes that share the file while they are killed")
    parser.add_argument("--entries", type=int, default=100_000, help="at the last start; 0: none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome, start = runner.run(measure(options))
    wrong = problems(outcome, start)
    told: dict[str, Any] = {"kills": asdict(outcome), "start": None if start is None else asdict(start)}
    if options.json:
        print(json.dumps(told | {"problems": wrong, "machine": machine.describe()}, indent=1))
    else:
        print(machine.headline(machine.describe()) + "\n\n" + shown(outcome, start))
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    folder = machine.CACHE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cache_kill.json").write_text(json.dumps(told, indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
