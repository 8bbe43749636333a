"""How many calls a core, a host, ten and a thousand hosts carry, and when the shared store is full: arithmetic over
what was measured elsewhere (docs/scale-out.md says where, and what it leaves out).

    python -m bench.scale_out [--events 200] [--kept 0.3] [--hits 0.2]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

REQUEST, EVENT = 83e-6, 16.5e-6
"""Seconds of a core for a chat request, and for an event of a stream (bench.overhead, bench.streams)."""
HEADROOM = 0.6
"""Use of a core up to which the gateway's own share stays small: above it calls wait for each other."""
TOKEN = 0.025
"""Seconds between two events of a stream."""
ROW = (8e-6, 210.0)
"""Of a Redis, for the journal's row of a call: seconds of its core, bytes in (bench.store_calls)."""
ENTRY = (50e-6, 2_050.0)
"""The same for an answer that is kept, besides."""
FOLLOW = (6e-6, 210.0)
"""For each worker that hears of it: seconds of its core, bytes out."""
REDIS_USE = 0.7
NETWORK = 10e9 / 8
"""Bytes a second of the store's network."""


@dataclass(frozen=True, slots=True)
class Mix:
    """``events``: of a call's answer. ``kept``: share of calls whose answer is new and kept; ``hits``: told again."""

    events: float
    kept: float
    hits: float

    @property
    def core(self) -> float:
        """Seconds of a gateway's core for a call."""
        return REQUEST + self.events * EVENT

    def store(self, workers: int) -> tuple[float, float]:
        """Seconds of the store's core and bytes of its network for a call, with so many workers in its cell."""
        busy = ROW[0] + self.kept * (ENTRY[0] + workers * FOLLOW[0])
        return busy, ROW[1] + self.kept * (ENTRY[1] + workers * FOLLOW[1])

    def cell(self) -> int:
        """Workers that one store serves before it is fuller than REDIS_USE."""
        workers = 1
        while self.full(workers + 1) <= REDIS_USE:
            workers += 1
        return workers

    def full(self, workers: int) -> float:
        """Use of the store, of its core or its network, whichever is fuller, when ``workers`` are as busy as they
        should be."""
        calls = workers * HEADROOM / self.core
        busy, size = self.store(workers)
        return max(calls * busy, calls * size / NETWORK)


def main() -> None:
    wants = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wants.add_argument("--events", type=float, default=200, help="of an answer (0: no streams)")
    wants.add_argument("--kept", type=float, default=0.3, help="share of calls whose answer is new and kept")
    wants.add_argument("--hits", type=float, default=0.2, help="share of calls that are told again")
    wants.add_argument("--cores", type=int, default=16, help="workers of a host")
    options = wants.parse_args()
    mix = Mix(options.events, options.kept, options.hits)
    print(f"a call of {mix.events:g} events: {mix.core * 1e6:.0f} us of a core; {mix.kept:.0%} new and kept")
    print(f"one Redis serves {mix.cell()} workers in one cell\n")
    print("                  workers    calls/s    streams at once   one Redis for all is used   cells")
    for name, workers in (
        ("one core", 1), ("one host", options.cores), ("ten hosts", 10 * options.cores),
        ("a thousand hosts", 1000 * options.cores),
    ):  # fmt: skip
        calls = workers * HEADROOM / mix.core
        streams = calls * mix.events * TOKEN
        cells = -(-workers // mix.cell())
        print(f"{name:16}  {workers:7}  {calls:9,.0f}  {streams:15,.0f}  {mix.full(workers):25.0%}  {cells:7}")


if __name__ == "__main__":
    main()
