"""What does routing cost? CPU µs of a call in the routing room, of a choice in a busy fleet, of hashing a prompt.

No sockets: the same objects as in a worker. ``room``: from a call being known to its seat given back, whole answers
that end at once; ``again``: prompts that were seen before, ``new``: each another. ``choice``: ``choose`` alone, calls
in flight and in decode everywhere, rates learned, pages fresh, prompts known to a few upstreams. The least counts.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench import payload
from bench.stats import Row, number, table
from penstock.core.call import Call, Operation
from penstock.core.exchange import Exchange
from penstock.routing.ask import Ask
from penstock.routing.load import Peers
from penstock.routing.scraped import Scraped
from penstock.routing.strategies import STRATEGIES, make_strategy
from penstock.routing.strategies.strategy import Shared
from penstock.routing.table import Entry
from penstock.routing.targets import Changes, Target

CHAT = Operation("chat", "openai", "/chat/completions", streams=True)
CALLS = 200
FLEETS = (8, 64, 256)
PROMPT_BYTES = (1_000, 16_000, 76_000)
NOBODY: Any = None
KINDS = ["room", "choice", "hash"]


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


def busy_fleet(count: int, shared: Shared, rng: random.Random) -> list[Target]:
    """Targets in the midst of traffic at the moment 100 s."""
    peers = Peers()
    targets = [Target(f"r{position}", NOBODY, peers=peers, prefixes=shared.prefixes) for position in range(count)]
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
    call = Call(CHAT, "POST", "/v1/chat/completions", b"", [], "10.0.0.1")
    call.body = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * (size - 55) + b'"}]}'
    return call


def measure_choice(strategy: str, count: int, rounds: int, calls: int = CALLS) -> float:
    """µs of a choice among ``count`` busy targets, for a prompt of 16 KB."""
    rng = random.Random(1)
    shared = Shared(uniform=rng.uniform)
    targets = busy_fleet(count, shared, rng)
    chooser = make_strategy(strategy, shared)
    asks: list[Ask] = []
    for position in range(calls):
        ask = Ask(call_of(16_000), 100.0, tokens=4000.0, output=200.0, scope=f"scope {position % 50}")
        if chooser.prefix:
            ask.cut()
            if position < 50:
                for target in rng.sample(targets, 3):
                    shared.prefixes.remember(target.slot, ask.blocks[: rng.randrange(1, len(ask.blocks))], 90.0)
        asks.append(ask)
    return least(lambda ask: chooser.choose(targets, ask), asks, rounds)


def measure_cut(size: int, rounds: int) -> float:
    """µs of hashing a prompt of ``size`` bytes."""
    call = call_of(size)
    return least(lambda _: Ask(call, 100.0).cut(), [NOBODY] * CALLS, rounds)


def least(act: Callable[[Any], object], each: Sequence[Any], rounds: int) -> float:
    """CPU µs of ``act``: the least of all rounds' means."""
    took = []
    for _ in range(rounds):
        began = time.thread_time()
        for one in each:
            act(one)
        took.append(time.thread_time() - began)
    return min(took) / len(each) * 1e6


def room_rows(names: Sequence[str], fleets: Sequence[int], rounds: int) -> list[Row]:
    """The routing room, by strategy, number of targets and kind of call."""
    kinds = (
        ("small", False, False), ("small", False, True), ("large", False, False), ("large", True, False),
        ("large", False, True),
    )  # fmt: skip
    rows: list[Row] = []
    for name in names:
        for targets in fleets:
            for body, is_new, session in kinds:
                room, choice = measure(Case(name, targets, body, is_new, session), rounds)
                kind = f"{body}, {'new' if is_new else 'again'}{', session' if session else ''}"
                row = {"strategy": name, "targets": str(targets), "call": kind}
                rows.append(row | {"CPU µs": number(room), "choose": number(choice)})
    return rows


def choice_rows(names: Sequence[str], rounds: int) -> list[Row]:
    """A choice in a busy fleet."""
    rows: list[Row] = []
    for name in names:
        costs = {f"{count} upstreams, µs": number(measure_choice(name, count, rounds)) for count in FLEETS}
        rows.append({"strategy": name} | costs)
    return rows


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.decisions", description=__doc__)
    words.add_argument("what", nargs="*", help=f"of {', '.join(KINDS)}; all, if none is named")
    words.add_argument("--strategy", default="adaptive,least_connections,instance_score", help="names, or all")
    words.add_argument("--targets", default="1,3,8,256", help="of the room")
    words.add_argument("--rounds", type=int, default=20)
    given = words.parse_args()
    names = list(STRATEGIES) if given.strategy == "all" else given.strategy.split(",")
    what = given.what or KINDS
    if unknown := set(what) - set(KINDS):
        words.error(f"not known: {', '.join(unknown)}")
    if "room" in what:
        print(table(room_rows(names, [int(count) for count in given.targets.split(",")], given.rounds)), flush=True)
    if "choice" in what:
        print("\n" + table(choice_rows(names, given.rounds)), flush=True)
    if "hash" in what:
        hashed = [(size, measure_cut(size, given.rounds)) for size in PROMPT_BYTES]
        print("\n" + table([{"prompt, bytes": f"{size:,}", "hashed, µs": number(took)} for size, took in hashed]))


if __name__ == "__main__":
    main()
