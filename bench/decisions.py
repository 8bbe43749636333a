"""What does routing add to a request? CPU µs from a call being known to its seat at a target given back.

No sockets: the same objects as in a worker, whole answers that end at once. ``again``: prompts that were seen before;
``new``: each another. ``choose`` is the strategy alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import payload
from bench.stats import number, table
from penstock.core.call import Call, Operation
from penstock.core.exchange import Exchange
from penstock.routing.load import Peers
from penstock.routing.strategies import STRATEGIES, make_strategy
from penstock.routing.strategies.strategy import Shared
from penstock.routing.table import Entry
from penstock.routing.targets import Changes, Target

CHAT = Operation("chat", "openai", "/chat/completions", streams=True)
CALLS = 200
NOBODY: Any = None


@dataclass(frozen=True, slots=True)
class Case:
    """Calls of one kind to one entry."""

    strategy: str
    targets: int
    body: str
    is_new: bool = False
    session: bool = False


def exchanges(case: Case, first: int) -> list[Exchange]:
    """Calls that have come as far as the routing room; eight conversations, or as many as calls."""
    whole = payload.small_chat() if case.body == "small" else payload.large_chat()
    at = whole.index(b'"content":"') + len(b'"content":"')
    made = []
    for position in range(first, first + CALLS):
        mark = b"%08d" % (position if case.is_new else position % 8)
        call = Call(CHAT, "POST", "/v1/chat/completions", b"", [(b"host", b"h"), (b"accept", b"*/*")], "10.0.0.1")
        call.body, call.model = whole[:at] + mark + whole[at + len(mark) :], payload.MODEL
        call.session = f"session-{position % 64}" if case.session else ""
        made.append(Exchange("r", call, 0.0, 60.0, NOBODY))
    return made


def fleet(case: Case) -> Entry:
    """An entry with its targets, as a worker has it."""
    shared, peers, changes = Shared(), Peers(), Changes()
    those = [
        Target(f"gpu-{position}", NOBODY, peers=peers, prefixes=shared.prefixes, changes=changes)
        for position in range(case.targets)
    ]
    return Entry(payload.MODEL, those, make_strategy(case.strategy, shared))


def measure(case: Case, rounds: int) -> tuple[float, float]:
    """CPU µs a call: of the whole room, and of the choice alone; the least of all rounds."""
    entry = fleet(case)
    choose: Callable[..., Target] = entry.strategy.choose
    whole, alone, now = [], [], 1.0
    for turn in range(rounds):
        calls = exchanges(case, turn * CALLS)
        began = time.thread_time()
        for exchange in calls:
            now += 0.001
            ask = entry.ask(exchange, payload.MODEL, now)
            target = choose(entry.targets, ask)
            exchange.upstream_model = ask.model
            target.take_seat(exchange, ask)
            exchange.tokens_in, exchange.tokens_out = 100, 20
            exchange.finish("ok", now + 0.0005)
        whole.append((time.thread_time() - began) / CALLS)
        asks = [entry.ask(exchange, payload.MODEL, now) for exchange in exchanges(case, turn * CALLS)]
        began = time.thread_time()
        for ask in asks:
            choose(entry.targets, ask)
        alone.append((time.thread_time() - began) / CALLS)
    return min(whole) * 1e6, min(alone) * 1e6


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.decisions", description=__doc__)
    words.add_argument("--strategy", default="adaptive,least_connections,instance_score", help="names, or all")
    words.add_argument("--targets", default="1,3,8,256")
    words.add_argument("--rounds", type=int, default=20)
    given = words.parse_args()
    names = list(STRATEGIES) if given.strategy == "all" else given.strategy.split(",")
    rows = []
    for name in names:
        for targets in map(int, given.targets.split(",")):
            for body, is_new, session in (
                ("small", False, False), ("small", False, True), ("large", False, False), ("large", True, False),
                ("large", False, True),
            ):  # fmt: skip
                room, choice = measure(Case(name, targets, body, is_new, session), given.rounds)
                kind = f"{body}, {'new' if is_new else 'again'}{', session' if session else ''}"
                rows.append(
                    {
                        "strategy": name,
                        "targets": str(targets),
                        "call": kind,
                        "CPU µs": number(room),
                        "choose": number(choice),
                    }
                )
    print(table(rows))


if __name__ == "__main__":
    main()
