"""Does keeping used objects for the next call pay in CPython? Each kind of the specification, made anew and reused.

Kinds: token buffers (bytearray), embeddings (array of floats), responses and contexts (objects with slots), batches
(lists). Rounds of both ways alternate in one run, so that only their ratio counts. Prints JSON: ns an object, medians,
``gain`` = anew / reused (above 1: reuse is cheaper), and what is paid for it in memory that stays.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from array import array
from collections.abc import Callable
from typing import Any

from bench import machine
from penstock.core.call import Call
from penstock.core.exchange import Exchange
from penstock.wire.operations import find

PAYS = 1.1
"""A gain below it is noise, and not worth that an object is handed to the next caller."""
CHUNK = b"x" * 512
VECTOR = array("f", [0.5] * 384)


def _measured(work: Callable[[int], None], number: int) -> float:
    began = time.perf_counter_ns()
    work(number)
    return (time.perf_counter_ns() - began) / number


def token_buffers() -> tuple[Callable[[int], None], Callable[[int], None]]:
    """Eight pieces of an answer gathered to one, as a tap does: joined bytes against a bytearray that is emptied."""
    pieces = [CHUNK] * 8

    def anew(number: int) -> None:
        for _ in range(number):
            parts = []
            for piece in pieces:
                parts.append(piece)
            b"".join(parts)

    pool = [bytearray()]

    def reused(number: int) -> None:
        for _ in range(number):
            buffer = pool.pop()
            for piece in pieces:
                buffer += piece
            bytes(buffer)  # what is handed on must not change when the buffer is used again
            buffer.clear()
            pool.append(buffer)

    return anew, reused


def embeddings() -> tuple[Callable[[int], None], Callable[[int], None]]:
    """A vector of 384 numbers: a new array against one that is written over."""
    data = VECTOR.tobytes()

    def anew(number: int) -> None:
        for _ in range(number):
            array("f", data)

    pool = [array("f", VECTOR)]
    source = memoryview(data).cast("f")

    def reused(number: int) -> None:
        for _ in range(number):
            vector = pool.pop()
            memoryview(vector)[:] = source
            pool.append(vector)

    return anew, reused


class Response:
    """An answer's facts, as many as a Reply has."""

    __slots__ = ("body", "fields", "frames", "status", "usage")

    def __init__(self, status: int, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.fields = fields
        self.body = body
        self.frames = 0
        self.usage = None

    def reset(self, status: int, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.fields = fields
        self.body = body
        self.frames = 0
        self.usage = None

    def clear(self) -> None:
        """Nothing of a caller may stay for the next."""
        self.fields = []
        self.body = b""


def responses() -> tuple[Callable[[int], None], Callable[[int], None]]:
    """A small object with slots."""
    fields = [(b"a", b"b")]

    def anew(number: int) -> None:
        for _ in range(number):
            Response(200, fields, b"")

    pool = [Response(200, fields, b"")]

    def reused(number: int) -> None:
        for _ in range(number):
            one = pool.pop()
            one.reset(200, fields, b"")
            one.clear()
            pool.append(one)

    return anew, reused


def contexts() -> tuple[Callable[[int], None], Callable[[int], None]]:
    """The Exchange of a call, the largest object of the path."""
    operation = find("/v1/chat/completions")
    assert operation is not None
    call = Call(operation, "POST", "/v1/chat/completions", b"", [], "127.0.0.1")
    body: Any = None

    def anew(number: int) -> None:
        for _ in range(number):
            Exchange("req_0", call, 1.0, 2.0, body)

    begin = Exchange.__init__
    pool = [Exchange("req_0", call, 1.0, 2.0, body)]

    def reused(number: int) -> None:
        for _ in range(number):
            one = pool.pop()
            begin(one, "req_0", call, 1.0, 2.0, body)
            pool.append(one)

    return anew, reused


def batches() -> tuple[Callable[[int], None], Callable[[int], None]]:
    """A list that gathers 32 calls and is let go."""
    items = [object()] * 32

    def anew(number: int) -> None:
        for _ in range(number):
            batch = []
            for item in items:
                batch.append(item)

    pool: list[list[object]] = [[]]

    def reused(number: int) -> None:
        for _ in range(number):
            batch = pool.pop()
            for item in items:
                batch.append(item)
            batch.clear()
            pool.append(batch)

    return anew, reused


def large_bodies() -> tuple[Callable[[int], None], Callable[[int], None]]:
    """A body of 1 MiB that arrives in pieces of 64 KiB: a new bytearray against one that keeps its room."""
    piece = b"x" * 65536

    def anew(number: int) -> None:
        for _ in range(number):
            buffer = bytearray(16 * 65536)
            for turn in range(16):
                buffer[turn * 65536 : (turn + 1) * 65536] = piece

    pool = [bytearray(16 * 65536)]

    def reused(number: int) -> None:
        for _ in range(number):
            buffer = pool.pop()
            for turn in range(16):
                buffer[turn * 65536 : (turn + 1) * 65536] = piece
            bytes(buffer)  # parsers and sockets keep what they were given: it must be theirs
            pool.append(buffer)

    return anew, reused


KINDS: dict[str, tuple[Callable[[], tuple[Callable[[int], None], Callable[[int], None]]], int]] = {
    "token buffers": (token_buffers, 20_000),
    "embeddings": (embeddings, 50_000),
    "responses": (responses, 100_000),
    "contexts": (contexts, 20_000),
    "batches": (batches, 20_000),
    "large bodies": (large_bodies, 100),
}


def measure(rounds: int, share: float = 1.0) -> dict[str, dict[str, float | bool]]:
    """Both ways of every kind, turn by turn."""
    found: dict[str, dict[str, float | bool]] = {}
    gc.disable()
    try:
        for name, (make, number) in KINDS.items():
            ways = make()
            times: tuple[list[float], list[float]] = ([], [])
            for turn in range(rounds):
                for way in (0, 1) if turn % 2 else (1, 0):
                    times[way].append(_measured(ways[way], max(1, int(number * share))))
            anew, reused = (statistics.median(one) for one in times)
            ratios = sorted(a / b for a, b in zip(*times, strict=True))
            gain = statistics.median(ratios)
            found[name] = {
                "anew_ns": round(anew, 1), "reused_ns": round(reused, 1), "gain": round(gain, 3),
                "gain_low": round(ratios[len(ratios) // 10], 3), "gain_high": round(ratios[-1 - len(ratios) // 10], 3),
                "pays": ratios[len(ratios) // 10] > PAYS,
            }  # fmt: skip
    finally:
        gc.enable()
    return found


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.pools", description=__doc__)
    words.add_argument("--rounds", type=int, default=31)
    given = words.parse_args()
    print(json.dumps({"machine": machine.describe(), "kinds": measure(given.rounds)}, indent=1))


if __name__ == "__main__":
    main()
