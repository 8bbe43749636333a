"""What does pricing add to a call? CPU ns of the cost room: entering it, and what it does when the call ends.

No sockets: the objects of a worker. Each kind of call runs with the room and without it in turn, over exchanges made
beforehand; the least of each counts. ``ledger`` is what each call costs off the hot path, when its record
is summed up some time later. Prints JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

from penstock.core.call import Call, Operation
from penstock.core.exchange import Exchange
from penstock.core.finished import record
from penstock.core.reply import Reply
from penstock.cost.pricing import Place, Pricing, Rules
from penstock.cost.rates import rates_of
from penstock.cost.spend import Tally
from penstock.cost.stage import Cost
from penstock.cost.table import Table

CHAT = Operation("chat", "openai", "/chat/completions", streams=True)
CALLS = 2000
BAR_NS = 600.0
NOBODY: Any = None
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "free": ({}, {}, False),
    "by the token": ({"input": 3, "output": 15}, {}, False),
    "cached tokens": ({"input": 3, "output": 15, "cached": 0.3}, {"tokens_cached": 500}, False),
    "lengths": ({"input": [3, [200_000, 6]], "output": 15}, {}, False),
    "two dearer upstreams": ({"input": 3, "output": 15}, {}, True),
    "by the second": ({}, {"rented": 12_345_678_901}, False),
}
"""By name: the price, what differs in the call, whether others could have served it."""


def exchanges(facts: dict[str, Any]) -> list[Exchange]:
    """Calls that have been answered and are about to end."""
    made = []
    for _ in range(CALLS):
        call = Call(CHAT, "POST", "/v1/chat/completions", b"", [], "10.0.0.1")
        call.model = "m"
        one = Exchange("r", call, 0.0, 60.0, NOBODY)
        one.model = one.answered_as = one.upstream_model = "m"
        one.upstream, one.status, one.tokens_in, one.tokens_out = "up", 200, 1000, 200
        for name, value in facts.items():
            setattr(one, name, value)
        made.append(one)
    return made


def room(kind: str) -> Cost:
    """For calls of ``kind``."""
    price, _, has_rivals = KINDS[kind]
    places = {"up": Place(rates_of(price) if price else None, own=not price)}
    places |= {name: Place(rates_of({"input": 5, "output": dear})) for name, dear in (("b", 20), ("c", 30))}
    others = [("up", "m"), ("b", "m"), ("c", "m")] if has_rivals else []
    text = files("penstock.cost").joinpath("prices.json").read_bytes()
    rules = Rules({}, places, "zero")
    return Cost(Pricing(rules, lambda: Table(text), lambda _: others, lambda *_: others, lambda: 1.8e9), refuses=False)


def link(stage: Cost) -> Callable[[Exchange], object]:
    """As ``pipeline.compose`` makes it of the room."""
    enter = stage.__call__

    def linked(exchange: Exchange) -> object:
        return enter(exchange, below)

    return linked


def below(exchange: Exchange) -> Awaitable[Reply]:
    """The rooms below, which have nothing to do here."""
    return NOBODY  # type: ignore[no-any-return]


def timed(enter: Callable[[Exchange], object], calls: list[Exchange]) -> float:
    """Nanoseconds a call, from entering to its end."""
    began = time.thread_time_ns()
    for one in calls:
        enter(one)
        one.finish("ok", 1.0)
    return (time.thread_time_ns() - began) / len(calls)


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Each kind, with and without the room turn by turn."""
    found: dict[str, dict[str, float]] = {}
    gc.disable()
    try:
        for kind, (_, facts, _) in KINDS.items():
            stage = room(kind)
            times: dict[str, list[float]] = {"with": [], "without": [], "ledger": []}
            for _ in range(rounds):
                times["without"].append(timed(below, exchanges(facts)))
                calls = exchanges(facts)
                times["with"].append(timed(link(stage), calls))
                rows = [record(one, 1.8e9) for one in calls]
                tally, began = Tally("bench", 2000), time.thread_time_ns()
                tally.take(rows)
                times["ledger"].append((time.thread_time_ns() - began) / len(rows))
            least = {name: min(values) for name, values in times.items()}
            found[kind] = {
                "added_ns": round(least["with"] - least["without"], 1),
                "without_ns": round(least["without"], 1),
                "ledger_ns": round(least["ledger"], 1),
            }
    finally:
        gc.enable()
    return found


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.pricing", description=__doc__)
    words.add_argument("--rounds", type=int, default=60)
    print(json.dumps({"bar_ns": BAR_NS, "kinds": measure(words.parse_args().rounds)}, indent=1))


if __name__ == "__main__":
    main()
