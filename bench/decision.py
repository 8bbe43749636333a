"""What does a decision cost? µs per ``choose`` of each strategy at 8, 64 and 256 upstreams, and of hashing a prompt.

The fleet is as a busy gateway sees it: calls in flight and in decode everywhere, rates learned, pages fresh, a prompt's
beginning at a few upstreams. Hashing the prompt, which comes before, is told apart. The best of several rounds counts.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.stats import number, table
from penstock.core.call import Call, Operation
from penstock.routing.ask import Ask
from penstock.routing.load import Peers, Scraped
from penstock.routing.strategies import STRATEGIES, make_strategy
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target
from penstock.simulate.routing import Stub

FLEETS = (8, 64, 256)
PROMPT_BYTES = (1_000, 16_000, 76_000)
_CHAT = Operation("chat", "openai", "/chat/completions", streams=True)


@dataclass(frozen=True, slots=True)
class Cost:
    """µs of one decision, by the number of upstreams."""

    strategy: str
    by_fleet: dict[int, float]


def fleet(count: int, shared: Shared, rng: random.Random) -> list[Target]:
    """Targets in the midst of traffic at the moment 100 s."""
    peers = Peers()
    targets = [Target(f"r{number}", Stub(), peers=peers, prefixes=shared.prefixes) for number in range(count)]
    for target in targets:
        load = target.load
        for call in range(30):
            stay = load.begin(90.0 + call / 10, rng.uniform(100, 3000))
            if call < 28:
                load.first_token(stay, 90.0 + call / 10 + rng.uniform(0.05, 0.5))
            if call < 10:
                load.end(stay, 95.0, 200)
        target.in_flight = 20
        load.scraped = Scraped(98.0, 18.0, 2.0, 0.4, 20)
    return targets


def call_of(size: int) -> Call:
    """A chat whose body has ``size`` bytes."""
    call = Call(_CHAT, "POST", "/v1/chat/completions", b"", [], "10.0.0.1")
    call.body = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * (size - 55) + b'"}]}'
    return call


def measure(strategy: str, count: int, calls: int, rounds: int = 20, seed: int = 1) -> float:
    """µs of a decision, the best round's mean."""
    rng = random.Random(seed)
    shared = Shared(uniform=rng.uniform)
    targets = fleet(count, shared, rng)
    chooser = make_strategy(strategy, shared)
    asks: list[Ask] = []
    for number_ in range(calls):
        ask = Ask(call_of(16_000), 100.0, tokens=4000.0, output=200.0, scope=f"scope {number_ % 50}")
        if chooser.prefix:
            ask.cut()
            if number_ < 50:
                for target in rng.sample(targets, 3):
                    shared.prefixes.remember(target.slot, ask.blocks[: rng.randrange(1, len(ask.blocks))], 90.0)
        asks.append(ask)
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for ask in asks:
            chooser.choose(targets, ask)
        best = min(best, (time.perf_counter() - began) / calls)
    return best * 1e6


def measure_cut(size: int, calls: int) -> float:
    """µs of hashing a prompt of ``size`` bytes."""
    call = call_of(size)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(calls):
            Ask(call, 100.0).cut()
        best = min(best, (time.perf_counter() - began) / calls)
    return best * 1e6


def costs(strategies: Sequence[str], calls: int) -> list[Cost]:
    """Each strategy at each size of fleet."""
    return [Cost(name, {count: measure(name, count, calls) for count in FLEETS}) for name in strategies]


def main() -> int:
    """Print both tables."""
    wants = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wants.add_argument("--only", default=",".join(STRATEGIES), help="strategies, with commas between")
    wants.add_argument("--calls", type=int, default=200, help="decisions a round")
    options = wants.parse_args()
    rows = [
        {"strategy": cost.strategy} | {f"{count} upstreams, µs": number(took) for count, took in cost.by_fleet.items()}
        for cost in costs(options.only.split(","), options.calls)
    ]
    print(table(rows))
    print()
    print(
        table([{"prompt, bytes": f"{size:,}", "hashed, µs": number(measure_cut(size, 300))} for size in PROMPT_BYTES])
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
