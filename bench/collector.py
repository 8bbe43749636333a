"""What does a full collection of garbage cost, before and after what lives long was frozen? Prints JSON.

``entries``: 100,000 entries of the exact cache in memory; ``streams``: so many calls as 9,000 open streams hold, made of
the objects that each stands on (exchange, call, connection state). Each pause is the median of several.
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


def entries(number: int) -> list[Any]:
    """Entries as the directory of the cache holds them."""
    from penstock.cache.entry import Entry

    fields = Entry.__struct_fields__ if hasattr(Entry, "__struct_fields__") else ()
    blank = {name: f"{name} of {{}}" for name in fields}
    made: list[Any] = []
    for position in range(number):
        values = {name: text.format(position) for name, text in blank.items()}
        made.append({"entry": values, "tags": [f"t{position}"], "place": (position, position + 1)})
    return made


def streams(number: int) -> list[Any]:
    """What stands behind open streams: fields of a head, an exchange with its clean-up, closures of taps."""
    operation = find("/v1/chat/completions")
    assert operation is not None
    body: Any = None
    made: list[Any] = []
    for position in range(number):
        headers = [(b"host", b"x"), (b"accept", b"*/*"), (b"authorization", b"b%d" % position)]
        call = Call(operation, "POST", "/v1/chat/completions", b"", headers, "127.0.0.1")
        exchange = Exchange(f"req_{position}", call, 1.0, 2.0, body)
        for _ in range(4):
            exchange.defer(lambda one, exchange=exchange: None)  # type: ignore[misc]
        made.append((exchange, {position: [bytearray(8)]}, [lambda frame, exchange=exchange: None for _ in range(6)]))
    return made


def measure(kind: Callable[[int], list[Any]], number: int) -> dict[str, float]:
    """Pauses with them, before and after they are frozen."""
    gc.collect()
    gc.freeze()
    empty = pauses()
    gc.disable()
    held = kind(number)
    gc.enable()
    objects = sum(gc.get_count()[:1]) and len(gc.get_objects())
    young = round(pause(0), 2)
    before = pauses()
    gc.freeze()
    after = pauses()
    began = time.perf_counter()
    gc.unfreeze()
    deep = round(pause(), 2)
    gc.freeze()
    whole = round((time.perf_counter() - began) * 1000, 2)
    assert len(held) == number
    return {
        "objects": objects, "empty_ms": empty, "first_look_ms": young, "full_ms": before, "full_frozen_ms": after,
        "deep_ms": deep, "deep_with_freeze_ms": whole,
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
