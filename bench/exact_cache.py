"""What does the exact cache cost, and what does it give? The key, the room, an entry's memory; then a whole gateway.

In process: µs of a key against hashes of the same bytes, µs that the room adds to a call, bytes of an entry beside its
answer. Over sockets, on one core: CPU µs of a request, by what becomes of it, and hits a second. The
best of several rounds counts in process, the median over sockets.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from bench import built, machine, payload, rig
from bench.load import closed_loop
from bench.proxies import Launch, Penstock, Site
from bench.stats import Row, median, number, ratio, table
from penstock.cache.config import CacheConfig
from penstock.cache.entry import Answer, Entry
from penstock.cache.exact import ExactCache
from penstock.cache.store import Shelf
from penstock.core.call import Call
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.memory.ledger import BoundedAccount
from penstock.wire.asked import asked
from penstock.wire.json import fill
from penstock.wire.operations import find

PATH = "/v1/chat/completions"
SECRET = bytes(32)
ANSWER = json.dumps(
    {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "So that the water can be stopped."},
                     "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39},
    }
).encode()  # fmt: skip
HEADERS = [(b"content-type", b"application/json")]


def at_zero(body: bytes) -> bytes:
    """The same call, asked at temperature 0."""
    return json.dumps(json.loads(body) | {"temperature": 0}, separators=(",", ":")).encode()


BODIES = {"small": at_zero(payload.small_chat()), "large": at_zero(payload.large_chat())}


def microseconds(work: Callable[[], object], times: int, rounds: int = 7) -> float:
    """Of one ``work()``, in the best round."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, time.perf_counter() - began)
    return best / times * 1e6


def call_of(body: bytes, **changes: Any) -> Call:
    operation = find(PATH)
    assert operation is not None
    call = Call(operation, "POST", PATH, b"", [], "127.0.0.1")
    fill(call, body if not changes else json.dumps(json.loads(body) | changes).encode())
    return call


def keys() -> list[Row]:
    """The key of each body, beside hashes of its bytes."""
    found: list[Row] = []
    for name, body in BODIES.items():
        call = call_of(body)
        times = 5000 if len(body) < 5000 else 100
        spaced = call_of(json.dumps(json.loads(body)).encode())
        found.append(
            {
                "call": f"{name}, {len(body):,} B",
                "key µs": number(microseconds(lambda call=call: asked(call, SECRET, "key"), times)),  # type: ignore[misc]
                "… with blanks µs": number(microseconds(lambda call=spaced: asked(call, SECRET, "key"), times)),  # type: ignore[misc]
                "sha256 µs": number(microseconds(lambda body=body: hashlib.sha256(body).digest(), times)),  # type: ignore[misc]
                "blake2b µs": number(microseconds(lambda body=body: hashlib.blake2b(body).digest(), times)),  # type: ignore[misc]
            }
        )
    return found


class Room:
    """The room over an upstream that answers at once, without a gateway around it."""

    def __init__(self, **fields: Any) -> None:
        config = CacheConfig(**fields)
        self.shelf = Shelf(None, BoundedAccount("cache", config.memory), config, "bench", time.time)
        self.shelf.open(SECRET, None)
        self.shelf.ready = True
        self.room = ExactCache(self.shelf, config, lambda model: (model, b""), lambda _: (0.0, 0.0), time.monotonic)

    async def next(self, exchange: Exchange) -> Reply:
        exchange.upstream, exchange.model, exchange.answered_as, exchange.status = "u", "m", "m", 200
        return Reply(200, HEADERS, ANSWER)

    def through(self, call: Call) -> Callable[[], object]:
        """What sends ``call`` through, again and again, on one head."""
        body: Any = None

        def once() -> None:
            exchange = Exchange("req_1", call, 0.0, 60.0, body)
            exchange.key = "key"
            coroutine: Any = self.room(exchange, self.next)
            with contextlib.suppress(StopIteration):
                coroutine.send(None)
            exchange.finish("ok", 1.0)

        return once

    def bare(self, call: Call) -> Callable[[], object]:
        """The same without the room."""
        body: Any = None

        def once() -> None:
            exchange = Exchange("req_1", call, 0.0, 60.0, body)
            exchange.key = "key"
            coroutine: Any = self.next(exchange)
            with contextlib.suppress(StopIteration):
                coroutine.send(None)
            exchange.finish("ok", 1.0)

        return once


def room() -> list[Row]:
    """What the room adds to a call, by what becomes of it."""
    found: list[Row] = []
    for name, body in BODIES.items():
        times = 3000 if len(body) < 5000 else 100
        plain = Room()
        bare = microseconds(plain.bare(call_of(body)), times)
        missing = Room(writers=["nobody"])
        keeping = Room()
        refreshed = call_of(body)
        refreshed.headers = [(b"x-penstock-cache", b"refresh")]
        found.append(
            {
                "call": name,
                "passed by µs": number(microseconds(plain.through(call_of(body, temperature=0.7)), times) - bare, 2),
                "missed µs": number(microseconds(missing.through(call_of(body)), times) - bare),
                "missed and kept µs": number(microseconds(keeping.through(refreshed), times) - bare),
                "hit µs": number(microseconds(keeping.through(call_of(body)), times)),
            }
        )
    return found


def memory(count: int) -> list[Row]:
    """Bytes of an entry beside its answer: directory, order of eviction, tier; and what the entry itself takes."""
    one = Room(entries=2 * count, memory=1 << 30)  # tags count as entries, too
    shelf = one.shelf
    texts = [f"{number:08x}" for number in range(count)]
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for text in texts:
        shelf.keep(entry(text), Answer(b"application/json", b""))
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return [{"entries": f"{len(shelf.directory):,}", "bytes an entry": number(used / count, 0)}]


def entry(text: str) -> Entry:
    """With all that one may hold: tags, partition, group, hashes of its own."""
    digest = hashlib.sha256(text.encode()).digest()
    wall = time.time()
    return Entry(
        id=digest[:16], operation="chat", model="m", upstream="u", named="m-1", scope=digest[16:24], by=digest[8:16],
        asked=wall, created=wall, expires=wall + 3600, size=1000, tokens_in=300, tokens_out=400, cost=1234567,
        seconds=wall % 7, tags=(f"tag-{text}",), session=digest[24:], partition=digest[4:20], group=digest[2:18],
        accessed=wall, content=digest[10:26],
    )  # fmt: skip


class CachingPenstock(Penstock):
    """Ours with a ``cache`` section, and a store in memory."""

    def __init__(self, name: str, section: dict[str, Any]) -> None:
        super().__init__()
        self.name = name
        self._section = section

    def launch(self, site: Site) -> Launch:
        launched = super().launch(site)
        path = site.folder / "penstock.yaml"
        config = json.loads(path.read_text()) | {"cache": self._section, "store": "memory"}
        path.write_text(json.dumps(config))
        return launched


CASES: tuple[tuple[str, dict[str, Any], float, dict[str, str]], ...] = (
    ("off", {"exact": {"enabled": False}}, 0, {}),
    ("passed by (temperature 0.7)", {}, 0.7, {}),
    ("missed", {"writers": ["nobody"]}, 0, {}),
    ("missed and kept", {}, 0, {"x-penstock-cache": "refresh"}),
    ("hit", {}, 0, {}),
)


def gateway(rounds: int, seconds: float) -> Iterator[Row]:
    """CPU of one core a request, small calls on 64 connections, over an upstream that answers at once."""
    _, load_cores = machine.cores()
    costs: dict[str, list[float]] = {name: [] for name, *_ in CASES}
    speeds: dict[str, list[float]] = {name: [] for name, *_ in CASES}
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(rig.fixed_upstream("nginx"))
        ours = [CachingPenstock(name, section) for name, section, *_ in CASES]
        up = {one.name: one for one in stack.enter_context(rig.all_standing(ours, upstream.port))}
        for _ in range(rounds):
            for name, _, temperature, fields in CASES:
                proxy = up[name]
                body = json.dumps(json.loads(BODIES["small"]) | {"temperature": temperature}).encode()
                with rig.awake(proxy):
                    before = proxy.process.cpu_seconds()
                    load = closed_loop(proxy.port, body, {**proxy.headers, **fields}, 64, seconds, load_cores)
                    costs[name].append((proxy.process.cpu_seconds() - before) * 1e6 / max(1, load.requests))
                    speeds[name].append(load.per_second)
    floor = median(costs["off"])
    for name, *_ in CASES:
        cost = median(costs[name])
        yield {
            "cache": name, "CPU µs/request": number(cost), "× off": number(ratio(cost, floor), 2),
            "requests/s": number(median(speeds[name]), 0),
        }  # fmt: skip


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.exact_cache", description=__doc__)
    words.add_argument("--only", choices=["keys", "room", "memory", "gateway"], help="one part (default: all)")
    words.add_argument("--entries", type=int, default=100_000)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--seconds", type=float, default=1.0, help="load a case and round, in whole seconds")
    given = words.parse_args()
    print(machine.headline(built.about()))
    parts: dict[str, Callable[[], list[Row]]] = {
        "keys": keys,
        "room": room,
        "memory": lambda: memory(given.entries),
        "gateway": lambda: list(gateway(given.rounds, given.seconds)),
    }
    for name, part in parts.items():
        if given.only in (None, name):
            print(f"\n### {name}\n\n{table(part())}", flush=True)


if __name__ == "__main__":
    main()
