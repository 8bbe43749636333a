"""What does it cost to measure? CPU time of a call and of a stream's event with metrics, records and windows, against
the same without, in one process and by turns; and how long the metrics page takes at 10,000 series. Prints JSON.

``call_us``, ``event_us``: medians of the differences of neighbouring rounds, with quartiles. On: the observe room, the
record, the board of metrics, and the windows of ten seconds, closed and encoded. Off: none of it is there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from bench import machine
from penstock.assemble_observation import Observation
from penstock.cli.main import is_compiled
from penstock.core.call import Call
from penstock.core.exchange import Exchange
from penstock.core.finished import record
from penstock.core.reply import Reply, Void
from penstock.core.sheaves import sheaves
from penstock.core.windows import encoded
from penstock.history.tally import Tally
from penstock.memory.collector import ORDINARY
from penstock.observe.board import Board
from penstock.observe.prometheus import render
from penstock.observe.stage import Observe
from penstock.pipeline import compose, timed
from penstock.providers.event_frames import EventFrames
from penstock.wire.operations import find

CALLS = 10_000
FLUSHED = 1000
"""Calls between two flushes: a second at 1,000 a second."""
EVENTS = 2000
WINDOWS = 10
"""Flushes in one window."""
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'
SERIES = 10_000


class Facts:
    """The last room: writes what the rooms below observe would have, of 3 models at 2 upstreams, 10 keys, half of them
    streams, a fifth from the cache."""

    needs = gives = frozenset[str]()

    def __init__(self) -> None:
        draw = random.Random(1)
        self._drawn = [
            (f"model-{draw.randrange(3)}", f"upstream-{draw.randrange(2)}", f"key-{draw.randrange(10)}",
             draw.random() < 0.5, "hit-exact" if draw.random() < 0.2 else "miss", draw.uniform(0.1, 3.0),
             draw.randrange(10, 8000), draw.randrange(1, 600)) for _ in range(1009)
        ]  # fmt: skip
        self._at = 0

    async def __call__(self, exchange: Exchange, next: Any) -> Reply:
        self._at = (self._at + 1) % len(self._drawn)
        facts = self._drawn[self._at]
        exchange.model, exchange.upstream, exchange.key, exchange.call.stream, exchange.cache, total, asked, said = (
            facts
        )
        exchange.attempts, exchange.waited, exchange.overhead = 1, total * 0.9, 0.0003
        exchange.answered = exchange.first_byte = exchange.started + total / 3
        exchange.tokens_in, exchange.tokens_out, exchange.status = asked, said, 200
        exchange.ended = exchange.started + total
        return Reply(200, [], b"")


OPERATION = find("/v1/chat/completions")
assert OPERATION is not None


def exchange(number: int) -> Exchange:
    """One call."""
    body: Any = None
    call = Call(OPERATION, "POST", "/v1/chat/completions", b"", [], "127.0.0.1")  # type: ignore[arg-type]
    return Exchange(f"req-{number}", call, 100.0, 700.0, body)


def calls(observed: Observation | None, tally: Tally) -> float:
    """Seconds of CPU for a round of calls."""
    facts = Facts()
    stages: list[Any] = (
        [facts]
        if observed is None
        else [Observe(observed.board, observed.take, None, 64, timed([("facts", facts)], time.monotonic)), facts]
    )
    run: Any = compose(stages)
    began = time.process_time()
    for number in range(CALLS):
        one = exchange(number)
        try:
            run(one).send(None)
        except StopIteration:
            one.finish("ok", one.ended)
        if observed is not None and number % FLUSHED == FLUSHED - 1:
            observed.hand_on()
            if number % (FLUSHED * WINDOWS) == FLUSHED * WINDOWS - 1:
                tally.close(tally.start + 10.0, {})
                encoded(tally.over(0.0)[-1])
    return time.process_time() - began


class Silent:
    """A source that is pushed from outside."""

    def start(self, sink: Any) -> None:
        pass

    pause = resume = lambda self: None

    def cancel(self, reason: str) -> None:
        pass


def events(observed: Observation | None) -> float:
    """Seconds of CPU for the events of one stream."""
    one = exchange(0)
    stages: list[Any] = [Facts()]
    if observed is not None:
        stages.insert(0, Observe(observed.board, observed.take, None))
    run: Any = compose(stages)
    with contextlib.suppress(StopIteration):
        run(one).send(None)
    frames = EventFrames(Silent(), one, withhold=False)
    frames.start(Void())
    push = frames.push
    began = time.process_time()
    for _ in range(EVENTS):
        push(EVENT)
    frames.end(None)
    one.finish("ok", 101.0)
    if observed is not None:
        observed.hand_on()
    return time.process_time() - began


def differences(rounds: int, measure: Callable[[bool], float], each: int) -> dict[str, float]:
    """Microseconds that ``measure(True)`` takes more than ``measure(False)``, for each of ``each``."""
    found, base = [], []
    for turn in range(rounds):
        first = turn % 2 == 0  # whoever comes second finds warm caches: by turns
        one, other = measure(first), measure(not first)
        on, off = (one, other) if first else (other, one)
        found.append((on - off) / each * 1e6)
        base.append(off / each * 1e6)
    low, middle, high = statistics.quantiles(found, n=4)
    return {"median": round(middle, 3), "low": round(low, 3), "high": round(high, 3),
            "without": round(statistics.median(base), 3)}  # fmt: skip


def page(workers: int) -> dict[str, float]:
    """How long a page of so many series takes, and how many it has."""
    dumps = []
    for worker in range(workers):
        board, number = Board(), 0
        while sum(17 * 3 for _ in board.times) + sum(16 * 4 for _ in board.tokens) < SERIES:
            one = exchange(number)
            one.model, one.upstream, one.status, one.attempts = f"model-{number}", f"up-{number % 40}", 200, 1
            one.first_byte, one.ended, one.outcome, one.tokens_out = 101.0, 102.0, "ok", 5
            board.take(sheaves([record(one, 0.0)]))
            number += 1
        dumps.append({
            "worker": worker, "uptime": 1.0, "reloads": 0, "connections": 0, "connections_refused": 0,
            "refused_at_the_edge": 0, "accounts": {}, "upstreams": {}, "streams": None,
            "process": {"seconds": 0.0, "rss": 0, "descriptors": 0, "tasks": 0}, "observed": board.dump(),
            "routing": {"rows": [], "sessions": 0, "scrapes": []},
        })  # fmt: skip
    times = []
    text = ""
    for _ in range(15):
        began = time.process_time()
        text = render(dumps, "0")
        times.append((time.process_time() - began) * 1000)
    series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    return {"series": series, "ms": round(statistics.median(times), 2)}


async def measured(rounds: int) -> dict[str, Any]:
    """All of it. The collector is set as a gateway sets it."""
    gc.freeze()
    gc.set_threshold(*ORDINARY)
    observed = Observation(time.time)
    tally = Tally(time.time())
    observed.counters.append(tally.add)
    return {
        "machine": machine.describe() | {"penstock": "compiled" if is_compiled() else "the source"},
        "call_us": differences(rounds, lambda on: calls(observed if on else None, tally), CALLS),
        "event_us": differences(rounds * 4, lambda on: events(observed if on else None), EVENTS),
        "page_1_worker": page(1),
        "page_4_workers": page(4),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=41)
    print(json.dumps(asyncio.run(measured(options.parse_args().rounds)), indent=1))


if __name__ == "__main__":
    main()
