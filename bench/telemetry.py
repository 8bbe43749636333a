"""What does tracing cost a call, while it is off and while it is on, and what does it cost behind calls?

All parts run in this process, the best of several rounds each, in CPU time: the room with the record of a call and the
fields of a request to an upstream; in the background the metrics, spans and both encodings of a call. Ratios within one
run count. ``python -m bench.telemetry [--calls N]``
"""

from __future__ import annotations

import argparse
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

ROUNDS = 5
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


def best(count: int, do: Callable[[], object]) -> float:
    """Microseconds of one call of ``do``, in the best round."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(count):
            do()
        found.append(time.process_time() - began)
    return min(found) / count * 1e6


def run(calls: int) -> list[dict[str, str]]:
    """Rows of the table."""
    taken: list[Record] = []
    bits = random.Random(7).getrandbits

    def take(exchange: Exchange) -> None:
        taken.append(record(exchange, 1.8e9))

    def room(tracer: Tracer | None) -> Observe:
        return Observe(Board(), take, None, None if tracer is None else tracer.begin)

    rooms = {
        "off": room(None),
        "on, not drawn": room(Tracer(0.0, 0.0, True, bits)),
        "on, kept": room(Tracer(1.0, 0.0, True, bits)),
    }
    rows: list[dict[str, str]] = []

    def put(what: str, cost: str, more: str = "") -> None:
        rows.append({"what": what, "µs": cost, "": more})

    off = 0.0
    for name, one in rooms.items():
        memo: dict[Any, Any] = {}
        cost = best(calls, lambda one=one, memo=memo: serve(one, memo, [], taken))  # type: ignore[misc]
        off = off or cost
        put(f"room and record, tracing {name}", f"{cost:.2f}", f"{cost - off:+.2f}")
    kept = rooms["on, kept"]
    cost = best(calls, lambda: serve(kept, {}, [PARENT], taken))
    put("the same, with a caller's traceparent of its own", f"{cost:.2f}", f"{cost - off:+.2f}")
    put("looks at what is not there, while off", f"{looks(calls):.3f}")
    serve(kept, {}, [], taken)
    last = _a_record(kept)
    names = CONVENTIONS["1.42"]
    meters, spans = Meters(names, SERVERS), Spans(names, SERVERS)
    put("behind: metrics of a call", f"{best(calls, lambda: meters.take(Finished._make(last))):.2f}")
    few = max(1, calls // 20)
    for protocol, how in PROTOCOLS.items():
        requests = Requests(how, {"service.name": "penstock"}, "1", "1.42")

        def write(requests: Requests = requests) -> int:
            return sum(len(requests.span(span)) for span in spans.of(Finished._make(last)))

        put(f"behind: spans of a kept call, {protocol}", f"{best(few, write):.1f}", f"{write()} bytes")
    return rows


def looks(calls: int) -> float:
    """Microseconds that a call's four looks for a trace take where there is none, in the room, upstream and record."""
    call = Call(CHAT, "POST", "/v1/chat/completions", b"", [], "10.0.0.9", {})
    exchange = Exchange("req_0xaa-1", call, 100.0, 700.0, cast(Any, None))

    def looking() -> None:
        for _ in range(100):
            trace = exchange.trace
            if trace is not None:
                raise AssertionError
            if trace is not None:
                raise AssertionError
            if exchange.trace is not None:
                raise AssertionError
            if exchange.trace is not None:
                raise AssertionError

    def none() -> None:
        for _ in range(100):
            pass

    few = max(1, calls // 100)
    return (best(few, looking) - best(few, none)) / 100


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
