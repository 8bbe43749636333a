"""What a call costs the shared store: commands, bytes and CPU of one Redis, by kind of call and number of workers.

    python -m bench.store_calls [--calls 2000]

Each row is a difference over the calls of one kind, less what as much time costs without any call. The numbers are what
docs/scale-out.md reckons with: they do not depend on how fast the machine is, but for the CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio

from bench.gateways import Gateway, Redis, ended
from bench.questions import ask, config, fault, right, upstream

AT_ONCE = 8
SETTLE_SECONDS = 3.0
KINDS: dict[str, tuple[str, Callable[[int], str]]] = {
    "not kept": ("bypass", lambda number: f"never kept {number}"),
    "new, kept": ("", lambda number: f"new {number}"),
    "told again": ("", lambda number: f"new {number}"),
}
"""By name: what the caller says of the cache, and the question of a number."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a Redis has done so far. ``heard`` and ``said`` in bytes, ``busy`` in seconds of CPU."""

    commands: int
    heard: int
    said: int
    busy: float
    memory: int

    def less(self, other: Seen) -> tuple[float, ...]:
        return tuple(getattr(self, name) - getattr(other, name) for name in Seen.__slots__)


async def seen(client: redis.asyncio.Redis) -> Seen:
    told = await client.info("all")
    # Reads that wait are few and long; those that are counted beside them are our own.
    commands = sum(one["calls"] for name, one in told.items() if name.startswith("cmdstat_") and name != "cmdstat_info")
    busy = float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
    return Seen(
        commands, told["total_net_input_bytes"], told["total_net_output_bytes"], busy, told["used_memory_dataset"]
    )


async def called(gateway: Gateway, calls: int, mode: str, question: Callable[[int], str]) -> None:
    """So many calls; an answer that is not the right one ends the run."""
    numbers = iter(range(calls))

    async def caller() -> None:
        for number in numbers:
            asked = question(number)
            wrong = fault(await ask(gateway.port, asked, mode=mode), asked)
            if wrong:
                raise RuntimeError(f"{asked}: {wrong}")

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    await asyncio.sleep(SETTLE_SECONDS)


async def measured(folder: Path, workers: int, calls: int) -> None:
    server = Redis(folder)
    async with upstream() as (port, _):
        server.start()
        gateway = Gateway(folder / "gateway", config(port, server.url), workers)
        with ended(server, gateway):
            gateway.start()
            await gateway.until_it_answers()
            await gateway.until_ready()
            client = redis.asyncio.Redis(port=server.port)
            try:
                await seen(client)
                before = await seen(client)
                own = (await seen(client)).less(before)  # to look costs something, too
                before = await seen(client)
                await asyncio.sleep(2 * SETTLE_SECONDS)
                told = (await seen(client)).less(before)
                idle = [(number - less) / (2 * SETTLE_SECONDS) for number, less in zip(told, own, strict=True)]
                said = "  ".join(f"{number:8.1f}" for number in (idle[0], idle[1], idle[2], idle[3] * 1e6))
                print(f"{workers:7}  {'idle, a second':14}  {said}")
                for kind, (mode, question) in KINDS.items():
                    before, began = await seen(client), asyncio.get_running_loop().time()
                    await called(gateway, calls, mode, question)
                    took = asyncio.get_running_loop().time() - began
                    told = (await seen(client)).less(before)
                    each = [(now - less - rest * took) / calls for now, less, rest in zip(told, own, idle, strict=True)]
                    cells = (each[0], each[1], each[2], each[3] * 1e6, each[4])
                    print(f"{workers:7}  {kind:14}  " + "  ".join(f"{number:8.1f}" for number in cells), flush=True)
            finally:
                await client.aclose()


def main() -> None:
    wants = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wants.add_argument("--calls", type=int, default=2000)
    options = wants.parse_args()
    mean = sum(len(right(f"new {number}")) for number in range(500)) / 500
    print(f"Redis, a call (answers of {mean:.0f} characters):")
    print("workers  kind            commands  bytes in  bytes out   CPU us  kept bytes")
    for workers in (1, 2, 4):
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measured(Path(folder), workers, options.calls))


if __name__ == "__main__":
    main()
