"""What does tracing cost a call, while it is off and while it is on, and what does it cost behind calls?

All parts run in this process by turns, the best of several rounds each, in CPU time: the room with the record of a
call and the fields of a request to an upstream; in the background the metrics, spans and both encodings of a call.
Ratios within one run count. ``python -m bench.telemetry [--calls N]``
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Callable
from typing import Any, cast

from bench.stats import table
from penstock.core.call import Call, Operation
from penstock.core.exchange import Exchange
from penstock.core.finished import Finished, Record, record
from penstock.observe.board import Board
from penstock.observe.stage import Observe
from penstock.telemetry.meters import Meters
from penstock.telemetry.names import CONVENTIONS, Server
from penstock.telemetry.otlp import PROTOCOLS
from penstock.telemetry.requests import Requests
from penstock.telemetry.spans import Spans
from penstock.telemetry.tracer import Tracer

ROUNDS = 9
OFF, LOOKS, NOTHING = "room and record, tracing off", "looks for a trace of a call, while off", "nothing"
CHAT = Operation("chat", "openai", "/chat/completions", streams=True)
PARENT = (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
SERVERS = {"up": Server("openai", "api.openai.com", 443)}


def serve(room: Observe, memo: dict[Any, Any], headers: list[tuple[bytes, bytes]], taken: list[Record]) -> None:
    """One call through the room, with a request to an upstream where it is traced."""
    call = Call(CHAT, "POST", "/v1/chat/completions", b"", headers, "10.0.0.9", memo)
    exchange = Exchange("req_0xaa-1", call, 100.0, 700.0, cast(Any, None))
    room(exchange, cast(Any, lambda exchange: None))
    exchange.upstream, exchange.model, exchange.attempts, exchange.status = "up", "m", 1, 200
    trace = exchange.trace
    attempt = None if trace is None else trace.ask("up", "m", 100.1)
    if attempt is not None:
        attempt.head, attempt.status = 100.2, 200
    exchange.tokens_in, exchange.tokens_out, exchange.first_byte = 1000, 200, 100.5
    exchange.finish("ok", 102.0)
    del taken[:]


def once(count: int, do: Callable[[], object]) -> float:
    """Microseconds of one call of ``do``."""
    began = time.process_time()
    for _ in range(count):
        do()
    return (time.process_time() - began) / count * 1e6


def measured(calls: int) -> dict[str, float]:
    """Microseconds by part: all parts by turns, the best round of each."""
    parts = {**_on_the_loop(), **_behind()}
    best = dict.fromkeys(parts, float("inf"))
    for _ in range(ROUNDS):
        for name, (share, do) in parts.items():
            best[name] = min(best[name], once(max(1, calls // share), do))
    best[LOOKS] -= best.pop(NOTHING)
    best[LOOKS] /= 100
    return best


def _on_the_loop() -> dict[str, tuple[int, Callable[[], object]]]:
    """By name: how many times fewer it is to be done, and what."""
    taken: list[Record] = []
    bits = random.Random(7).getrandbits

    def take(exchange: Exchange) -> None:
        taken.append(record(exchange, 1.8e9))

    def room(tracer: Tracer | None) -> Observe:
        return Observe(Board(), take, None, trace=None if tracer is None else tracer.begin)

    off, kept = room(None), room(Tracer(1.0, 0.0, True, bits))
    drawn = room(Tracer(0.0, 0.0, True, bits))
    memos: list[dict[Any, Any]] = [{}, {}, {}]
    call = Call(CHAT, "POST", "/v1/chat/completions", b"", [], "10.0.0.9", {})
    idle = Exchange("req_0xaa-1", call, 100.0, 700.0, cast(Any, None))

    def looking() -> None:
        for _ in range(100):
            trace = idle.trace
            if trace is not None:
                raise AssertionError
            if trace is not None:
                raise AssertionError
            if idle.trace is not None:
                raise AssertionError
            if idle.trace is not None:
                raise AssertionError

    def nothing() -> None:
        for _ in range(100):
            pass

    return {
        OFF: (1, lambda: serve(off, memos[0], [], taken)),
        "room and record, tracing on, not drawn": (1, lambda: serve(drawn, memos[1], [], taken)),
        "room and record, tracing on, kept": (1, lambda: serve(kept, memos[2], [], taken)),
        "the same, with a caller's traceparent of its own": (1, lambda: serve(kept, {}, [PARENT], taken)),
        LOOKS: (100, looking),
        NOTHING: (100, nothing),
    }


def _behind() -> dict[str, tuple[int, Callable[[], object]]]:
    begin = Tracer(1.0, 0.0, True, random.Random(7).getrandbits).begin
    last = _a_record(Observe(Board(), lambda _: None, None, trace=begin))
    names = CONVENTIONS["1.42"]
    numbers = itertools.count(1000)
    meters, spans = Meters(names, SERVERS), Spans(names, SERVERS)
    made: dict[str, tuple[int, Callable[[], object]]] = {
        "behind: metrics of a call": (1, lambda: meters.take(Finished._make(last)))
    }
    for protocol, how in PROTOCOLS.items():
        requests = Requests(how, {"service.name": "penstock"}, "1", "1.42")

        def write(requests: Requests = requests) -> int:
            number = next(numbers)  # what differs from call to call differs here
            one = Finished._make(last)._replace(
                id=f"req_{number}", overhead=number / 1e7, tokens_in=number, tokens_out=number, first_byte=number / 1e6
            )
            return sum(len(requests.span(span)) for span in spans.of(one))

        made[f"behind: spans of a kept call, {protocol} ({write()} bytes)"] = (20, write)
    return made


def run(calls: int) -> list[dict[str, str]]:
    """Rows of the table."""
    found = measured(calls)
    return [
        {"what": name, "µs": f"{cost:.2f}", "beside off": f"{cost / found[OFF]:.2f}"} for name, cost in found.items()
    ]


def _a_record(room: Observe) -> Record:
    """Of a call that was kept."""
    call = Call(CHAT, "POST", "/v1/chat/completions", b"", [], "10.0.0.9", {})
    exchange = Exchange("req_0xaa-1", call, 100.0, 700.0, cast(Any, None))
    call.stream = True
    room(exchange, cast(Any, lambda exchange: None))
    exchange.upstream, exchange.model, exchange.attempts, exchange.status = "up", "m", 1, 200
    assert exchange.trace is not None
    attempt = exchange.trace.ask("up", "m", 100.1)
    attempt.head, attempt.status = 100.2, 200
    exchange.tokens_in, exchange.tokens_out, exchange.first_byte = 1000, 200, 100.5
    exchange.note_wait("admission", 0.05)
    exchange.finish("ok", 102.0)
    return record(exchange, 1.8e9)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    given = parser.parse_args(arguments)
    print(table(run(given.calls)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
