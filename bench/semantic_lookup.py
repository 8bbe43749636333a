"""What does looking for a similar question cost, and does it hold up the event loop? One core, 100,000 entries.

Each embedder embeds texts that it has not seen beside a running loop, and the index is searched for each. A ticker
wakes every millisecond meanwhile; how late it comes at worst is the hold-up, told also for a loop with nothing
else to do, since a busy machine makes everyone late. ``held``: processor time of the loop's own thread for the search.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import uvloop

from bench import machine
from bench.stats import number, percentile, table
from penstock.assemble_embedder import IN_PROCESS, embedder
from penstock.cache.embedding.embedder import Embedder
from penstock.cache.embedding.store import load
from penstock.cache.embedding.weights import ALL
from penstock.cache.index.index import Index

TICK = 0.001
NOISE = 0.3
"""Length of what is added to a text's vector to make another entry of it: their cosine is about 0.96."""

WHAT = ("card", "transfer", "refund", "password", "invoice", "account", "order", "subscription", "top-up", "payment")
ACTS = ("change", "cancel", "find", "speed up", "track", "verify", "close", "explain", "share", "dispute")
FORMS = (
    "How do I {act} my {what}?", "Can you help me {act} the {what} from last week, please?", "I want to {act} a {what}",
    "Why can't I {act} my {what} in the app on my new phone?", "What does it cost to {act} a {what} abroad?",
    "{act} {what}", "Is there a way to {act} this {what} without calling the bank and waiting on hold for an hour?",
    "my {what} is gone, who can {act} it now", "Tell me which steps are needed to {act} a {what} for my company",
)  # fmt: skip


def prompts(file: str | None) -> list[str]:
    """Texts to ask with: of a file (a JSON array of texts, or of [text, label]), else made of a few words."""
    if file is not None:
        return [entry if isinstance(entry, str) else entry[0] for entry in json.loads(Path(file).read_text())]
    made = [form.format(act=act, what=what) for form, act, what in itertools.product(FORMS, ACTS, WHAT)]
    return [text[0].upper() + text[1:] for text in made]


@dataclass(slots=True)
class Ticks:
    """How late a ticker came, in seconds."""

    late: list[float] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            wanted = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            self.late.append(max(0.0, time.perf_counter() - wanted))


async def lookups(embed: Embedder, index: Index, texts: list[str], pause: float) -> tuple[list[float], list[float]]:
    """Seconds of each lookup as a call would feel it, and processor seconds of its search."""
    whole, held = [], []
    for text in texts:
        await asyncio.sleep(pause)
        begun = time.perf_counter()
        vector = await embed.embed(text)
        if vector is None:
            raise SystemExit(f"no vector for {text!r}")
        started = time.thread_time()
        index.search(vector, 8)
        held.append(time.thread_time() - started)
        whole.append(time.perf_counter() - begun)
    return whole, held


async def watched(embed: Embedder, index: Index, texts: list[str], pause: float) -> tuple[list[float], ...]:
    """The lookups beside a ticker, and the ticker beside nothing for as long."""
    busy, quiet = Ticks(), Ticks()
    await lookups(embed, index, texts[:20], pause)
    ticking = asyncio.create_task(busy.run())
    begun = time.perf_counter()
    whole, held = await lookups(embed, index, texts[20:], pause)
    took = time.perf_counter() - begun
    ticking.cancel()
    ticking = asyncio.create_task(quiet.run())
    await asyncio.sleep(took)
    ticking.cancel()
    return whole, held, busy.late, quiet.late


def filled(vectors: np.ndarray, entries: int) -> Index:
    """An index of so many entries near the vectors given."""
    generator = np.random.default_rng(1)
    dimensions = vectors.shape[1]
    index = Index(dimensions)
    for first in range(0, entries, 10_000):
        ids = range(first, min(first + 10_000, entries))
        some = vectors[generator.integers(0, len(vectors), len(ids))]
        some = some + generator.standard_normal(some.shape, np.float32) * np.float32(NOISE / dimensions**0.5)
        some *= 127 / np.abs(some).max(axis=1, keepdims=True)
        index.extend(ids, np.rint(some).astype(np.int8).tobytes())
    return index


def measured(name: str, texts: list[str], entries: int, pause: float) -> dict[str, str]:
    model = load(ALL[name])
    alone = []
    vectors = []
    for text in texts:
        begun = time.thread_time()
        vectors += [vector for vector in model.encode([text]) if vector is not None]
        alone.append(time.thread_time() - begun)
    index = filled(np.array(vectors), entries)
    whole, held, busy, quiet = uvloop.run(watched(embedder(name), index, texts, pause))

    def ms(values: list[float], percent: float, digits: int = 2) -> str:
        return number(percentile(sorted(values), percent) * 1000, digits)

    return {
        "embedder": name,
        "embed p50": ms(alone, 50, 3),
        "search p50": ms(held, 50, 3),
        "search max": ms(held, 100),
        "lookup p50": ms(whole, 50, 3),
        "lookup p99": ms(whole, 99),
        "tick late p99": ms(busy, 99),
        "max": ms(busy, 100),
        "idle p99": ms(quiet, 99),
        "idle max": ms(quiet, 100),
        "bytes an entry": number(index.held / len(index), 0),
    }


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.semantic_lookup", description=__doc__)
    words.add_argument("--entries", type=int, default=100_000)
    words.add_argument("--prompts", metavar="FILE", help="a JSON array of texts to ask with")
    words.add_argument("--most", type=int, default=900, help="texts asked (default 900)")
    words.add_argument("--pause", type=float, default=0.001, help="seconds between lookups (default 0.001)")
    given = words.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    texts = prompts(given.prompts)[: given.most]
    print(machine.headline(machine.describe()))
    print(f"one core, {given.entries} entries, {len(texts)} texts; milliseconds\n")
    print(table([measured(name, texts, given.entries, given.pause) for name in IN_PROCESS]))


if __name__ == "__main__":
    main()
