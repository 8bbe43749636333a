"""What does the whole of the semantic cache cost a worker: reading 100,000 questions at start, and a lookup among them?

Enters nothing. The questions lie in a store in memory, sealed as ever; a worker reads them as at a start, then answers
questions that nobody asked before, each a lookup of its own: vector, nearest, features, decision. Told: how long the
reading took, p50 and p99 of a lookup, the longest time for which the loop was held (by either, or by letting all of
them go), bytes a question.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench import machine
from bench.stats import number, percentile, table
from penstock.assemble_embedder import embedder
from penstock.assemble_semantic import unfit, verifier_of
from penstock.cache.config import CacheConfig
from penstock.cache.embedding.vectors import pack
from penstock.cache.entry import Entry
from penstock.cache.index.index import Index
from penstock.cache.semantic.asking import Below, Rooms
from penstock.cache.semantic.comparing import Comparing
from penstock.cache.semantic.config import SemanticConfig
from penstock.cache.semantic.eligibility import Eligibility
from penstock.cache.semantic.learning import Learners
from penstock.cache.semantic.question import Question
from penstock.cache.semantic.service import Upkeep
from penstock.cache.semantic.shadow import Shadows
from penstock.cache.semantic.space import Space
from penstock.cache.semantic.stage import Matching
from penstock.cache.semantic.store import Memory
from penstock.cache.store import Shelf
from penstock.cache.verify.equal import compare
from penstock.core.tasks import Crew
from penstock.memory.ledger import Ledger
from penstock.process.loop import run
from penstock.store.memory.store import MemoryDesk
from penstock.store.store import DeskStore

PARTITION = b"p" * 16
_WORDS = (
    "card transfer refund password invoice account order subscription payment limit office branch app phone address"
    " fee rate loan deposit statement receipt voucher parcel return delivery customs warranty repair insurance claim"
)
_ACTS = "change find speed track verify explain share dispute renew compare close split merge export print"
FORMS = (
    "how do I {0} the {1} of my {2}", "why can I not {0} a {1} for the {2}", "what does it cost to {0} a {1} with {2}",
    "is there a way to {0} the {1} without a {2}", "where do I {0} my {1} after the {2}",
    "who can {0} the {1} for my {2}", "when may I {0} a {1} of that {2}", "which {1} do I need to {0} the {2}",
    "what happens if I {0} the {1} before my {2}", "does the {2} let me {0} a {1}",
)  # fmt: skip


def questions() -> Iterator[str]:
    """Distinct ones, more than enough."""
    for form, act, one, other in itertools.product(FORMS, _ACTS.split(), _WORDS.split(), _WORDS.split()):
        if one != other:
            yield form.format(act, one, other)


class Hold:
    """A ticker: the processor time of the loop's thread between two of its turns is how long the loop was held. (Not
    the clock's: a busy machine makes everyone late.)"""

    def __init__(self) -> None:
        self.worst = 0.0
        self.over = 0

    async def run(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            late = time.thread_time() - before
            self.worst = max(self.worst, late)
            self.over += late > 0.002


def made(number: int, text: str, wall: float) -> Entry:
    id = number.to_bytes(16, "little")[::-1]
    return Entry(
        id=bytes(reversed(id)), operation="chat", model="m", upstream="u", named="n", scope=b"s" * 8, by=b"b" * 8,
        asked=wall, created=wall, expires=wall + 1e6, size=500, partition=PARTITION, group=bytes(reversed(id)),
    )  # fmt: skip


async def main(options: argparse.Namespace) -> None:
    config = CacheConfig(entries=options.entries * 2)
    section = config.semantic
    ledger = Ledger()
    store = DeskStore("memory", lambda: MemoryDesk(time.time, time.monotonic), shared=False)
    shelf = Shelf(store, ledger.account("cache", config.memory), config, "w", time.time)
    shelf.open(b"secret", None)
    shelf.ready = True
    one = embedder(options.embedder)
    account = ledger.account("semantic", 4 * section.memory)

    def memory() -> Memory:
        return Memory(
            shelf, one, Learners(lambda: verifier_of(section), "bench"),
            lambda gone: Space(account, Index, gone, entries=options.entries * 2, partitions=100), pack, lambda: None,
            Rooms(),
        )  # fmt: skip

    texts = list(itertools.islice(questions(), options.entries + options.lookups))
    rng = np.random.default_rng(1)
    await _fill(memory(), shelf, texts[: options.entries], rng)
    fresh = memory()
    hold = Hold()
    ticker = asyncio.ensure_future(hold.run())
    for entry in shelf.directory:
        fresh.space.learn(entry.id, entry.partition)
    began, worked = time.perf_counter(), time.thread_time()
    upkeep = asyncio.ensure_future(Upkeep(fresh, time.monotonic).run())
    while not fresh.read:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.001)
    read, worked = time.perf_counter() - began, time.thread_time() - worked
    held = len(fresh.space)
    line = f"{options.embedder}, {held} questions in one partition, {options.lookups} lookups"
    print(f"# {machine.headline(machine.describe())}; {line}\n")
    rows = [
        ["read at start", number(read), "s"],
        ["read at start, processor time", number(worked), "s"],
        ["loop held while reading, at most", number(hold.worst * 1e3), "ms"],
    ]
    hold.worst = 0.0
    while options.placed and fresh.space.is_fresh:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    rows.append(["loop held until all are known, at most", number(hold.worst * 1e3), "ms"])
    hold.worst, hold.over = 0.0, 0
    took, own = await _look(fresh, texts[options.entries :])
    by_lookups, over = hold.worst, hold.over
    size = fresh.space.held_bytes / max(1, held)
    await _let_go(fresh, hold)
    upkeep.cancel()
    ticker.cancel()
    for name, which in (("lookup", took), ("decision, processor time", own)):
        rows += [[f"{name}, p{part}", number(percentile(which, part) * 1e3, 2), "ms"] for part in (50, 99)]
    rows += [
        ["loop held by lookups, at most", number(by_lookups * 1e3), "ms"],
        ["turns of the loop over 2 ms", str(over), ""],
        ["loop held by letting the partition go, at most", number(hold.worst * 1e3), "ms"],
        ["bytes a question", number(size), "B"],
    ]
    print(table([{"what": what, "figure": figure, "unit": unit} for what, figure, unit in rows]))


async def _fill(memory: Memory, shelf: Shelf, texts: list[str], rng: Any) -> None:
    """Vectors near to those of some real texts: what costs is not the embedder."""
    basis = [vector for text in texts[:500] if (vector := await memory.embedder.embed(text)) is not None]
    wall = shelf.wall()
    for position, text in enumerate(texts):
        entry = made(position, text, wall)
        shelf.directory.put(entry)
        question = Question(text, "chat", PARTITION, "m", memory.embedder.version)
        noise = rng.standard_normal(memory.embedder.dimensions).astype(np.float32)
        question.vector = basis[position % len(basis)] + noise * (0.3 / np.sqrt(len(noise)))
        memory.hold(question, entry, placed=True)
        if position % 500 == 0 and shelf.store is not None:
            await shelf.store.flush()
    memory.closed = True
    shelf.watchers.clear()
    memory.space.clear()


async def _look(memory: Memory, texts: list[str]) -> tuple[list[float], list[float]]:
    now = time.monotonic
    tally = memory.tally
    below = Below(now, asyncio.timeout, None)
    comparing = Comparing(compare, None, tally, now)
    shadows = Shadows(
        below, comparing, Ledger().account("cache", 10**7), tally, now, asyncio.sleep, checks=8, most=10**5
    )
    section = SemanticConfig()
    eligibility = Eligibility(section, unfit(section.rules), memory.embedder.fits)
    matching = Matching(memory, section, eligibility, comparing, shadows, Crew("bench").spawn, now, lambda: 1.0)
    one: Any = SimpleNamespace(id="bench")
    took, own = [], []
    for text in texts:
        question = Question(text, "chat", PARTITION, "m", memory.embedder.version)
        began = time.perf_counter()
        question.vector = await memory.vector(text)
        there = time.thread_time()
        matching._decide(one, question)
        own.append(time.thread_time() - there)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0)
    return sorted(took), sorted(own)


async def _let_go(memory: Memory, hold: Hold) -> None:
    hold.worst = 0.0
    await asyncio.sleep(0)
    memory.let_go(PARTITION)
    while memory.space.leaving:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    wants = argparse.ArgumentParser(description=__doc__)
    wants.add_argument("--entries", type=int, default=100_000)
    wants.add_argument("--lookups", type=int, default=1000)
    wants.add_argument("--placed", action="store_true", help="wait until the verifier knows all")
    wants.add_argument("--embedder", choices=("minilm", "static"), default="minilm")
    run(main(wants.parse_args()))
