"""What does a full collection of garbage cost, before and after what lives long was frozen? Prints JSON.

``entries``: 100,000 entries of the exact cache in memory; ``streams``: what stands behind 9,000 open streams, made of
the same kinds of objects (an exchange, its call, clean-up, taps), not open themselves. Pauses are medians, in ms.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from bench import machine
from penstock.cache.entry import Entry
from penstock.core.call import Call
from penstock.core.exchange import Exchange
from penstock.wire.operations import find

ROUNDS = 5


def pause(generation: int = 2) -> float:
    """Milliseconds of one collection."""
    began = time.perf_counter()
    gc.collect(generation)
    return (time.perf_counter() - began) * 1000


def pauses() -> float:
    """Of several full ones, the median."""
    return round(statistics.median(pause() for _ in range(ROUNDS)), 2)


def entries(number: int) -> Any:
    """Entries as the directory holds them: by id, and by what they were asked."""
    made = {}
    order = {}
    for position in range(number):
        id = position.to_bytes(32, "big")
        made[id] = Entry(
            id=id, operation="chat", model="m", upstream="u", named="m-1", scope=b"", by=b"k", asked=1.0, created=1.0,
            expires=2.0, size=500, tags=(f"t{position}",),
        )  # fmt: skip
        order[id] = (position, [id])
    return made, order


def streams(number: int) -> Any:
    """What stands behind open streams."""
    operation = find("/v1/chat/completions")
    assert operation is not None
    body: Any = None
    made = []
    for position in range(number):
        headers = [(b"host", b"x"), (b"accept", b"*/*"), (b"authorization", b"b%d" % position)]
        exchange = Exchange("req", Call(operation, "POST", "/v1", b"", headers, "127.0.0.1"), 1.0, 2.0, body)
        for _ in range(4):
            exchange.defer(lambda _, position=position: None)  # type: ignore[misc]
        taps = [lambda _, exchange=exchange: None for _ in range(6)]  # type: ignore[misc]
        made.append((exchange, {position: [bytearray(8)]}, taps))
    return made


def measure(kind: Callable[[int], Any], number: int) -> dict[str, float]:
    """Pauses with them, before and after they are frozen."""
    gc.collect()
    gc.freeze()
    empty = pauses()
    gc.disable()
    held = kind(number)
    objects = len(gc.get_objects())
    first = round(pause(), 2)
    before = pauses()
    gc.freeze()
    after = pauses()
    gc.unfreeze()
    deep = pauses()
    gc.enable()
    del held
    return {
        "objects": objects, "empty_ms": empty, "first_ms": first, "full_ms": before, "frozen_ms": after,
        "deep_ms": deep,
    }  # fmt: skip


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.collector", description=__doc__)
    words.add_argument("--entries", type=int, default=100_000)
    words.add_argument("--streams", type=int, default=9_000)
    given = words.parse_args()
    found = {"entries": measure(entries, given.entries), "streams": measure(streams, given.streams)}
    print(json.dumps({"machine": machine.describe(), **found}, indent=1))


if __name__ == "__main__":
    main()
