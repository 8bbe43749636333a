"""What does sending the calls of many callers as one give? One short text each, embeddings, an accelerator.

The upstream is a mock with an accelerator's cost (``accelerator.py``): 20 ms a call and 0.5 ms an item, one call after
another (``--side-by-side``: all at once). The same gateway with batching off and on, by turns. Exits 1 when the bars
are missed: 4 times the calls a second, no later p99, and at one caller less than 2 ms more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop

from bench import machine
from bench.accelerator import LENGTH, VECTOR, serve
from bench.gateways import Gateway
from bench.process import Running
from bench.questions import exchange
from bench.stats import median, number, percentile, table

CALLERS = 64
LEAST_GAIN = 4.0
MOST_ADDED_SECONDS = 0.002
_ASK = (
    b"POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
)


class Caller(asyncio.Protocol):
    """Somebody who asks, waits for the answer, and asks again until the time is over."""

    def __init__(self, texts: Any, until: float) -> None:
        self._texts = texts
        self._until = until
        self._got = b""
        self._text = 0
        self._asked = 0.0
        self.seconds: list[float] = []
        self.wrong = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        self._text = next(self._texts)
        body = b'{"model":"m","input":"%d"}' % self._text
        self._asked = time.monotonic()
        self._transport.write(_ASK % (len(body), body))

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, body = self._got.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not blank or length is None or len(body) < int(length[1]):
            return
        self._got = b""
        now = time.monotonic()
        self.seconds.append(now - self._asked)
        if not head.startswith(b"HTTP/1.1 200") or not self._is_its_own(body):
            self.wrong += 1
        if now < self._until:
            self._ask()
        else:
            self._transport.close()
            self._finish()

    def _is_its_own(self, body: bytes) -> bool:
        data = json.loads(body)["data"]
        return len(data) == 1 and data[0]["index"] == 0 and data[0]["embedding"] == [float(self._text), *VECTOR]

    def connection_lost(self, error: Exception | None) -> None:
        self._finish()

    def _finish(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


@dataclass
class Seen:
    """What came of one turn."""

    calls: int = 0
    wrong: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds if self.seconds else 0.0


async def load(port: int, callers: int, seconds: float, texts: Any) -> Seen:
    """So many callers for so long. Every text is asked once."""
    loop = asyncio.get_running_loop()
    begun = time.monotonic()
    made = [Caller(texts, begun + seconds) for _ in range(callers)]
    await asyncio.gather(*(loop.create_connection(lambda one=one: one, "127.0.0.1", port) for one in made))  # type: ignore[misc]
    await asyncio.wait([one.over for one in made], timeout=seconds + 60)
    latencies = [latency for one in made for latency in one.seconds]
    return Seen(len(latencies), sum(one.wrong for one in made), time.monotonic() - begun, latencies)


def config(upstream: str, *, batching: bool) -> dict[str, Any]:
    """Of a gateway before the upstream."""
    return {
        "auth": {"mode": "open"},
        "store": "memory",
        "scrape": {"enabled": False},
        "health": {"probes": "off"},
        "upstreams": {"up": {"kind": "openai", "base_url": upstream}},
        "models": {"m": {"upstreams": ["up"]}},
        "batching": {"enabled": batching, "max_items": CALLERS},
    }


async def measure(upstream: str, folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Both gateways by turns, many callers and one."""
    gateways = {name: Gateway(folder / name, config(upstream, batching=name == "on"), 1) for name in ("off", "on")}
    texts = iter(range(1, 10**9))
    found: dict[str, Any] = {"many": {"off": [], "on": []}, "one": {"off": [], "on": []}}
    try:
        for gateway in gateways.values():
            gateway.start()
            await gateway.until_it_answers()
        for _ in range(rounds):
            for name, gateway in gateways.items():
                found["one"][name].append(await load(gateway.port, 1, seconds, texts))
            for name, gateway in gateways.items():
                found["many"][name].append(await load(gateway.port, CALLERS, seconds, texts))
        _head, _, body = (await exchange(gateways["on"].port, "GET", "/admin/v1/batching")).partition(b"\r\n\r\n")
        found["admin"] = json.loads(body)
        page = await gateways["on"].metrics()
        told = re.findall(r"^(penstock_batching_\S+) (\S+)$", page, re.MULTILINE)
        found["metrics"] = {name: float(value) for name, value in told}
    finally:
        for gateway in gateways.values():
            gateway.kill()
    return found


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Medians over the rounds; latencies of all rounds together."""
    told: dict[str, Any] = {}
    for load_name in ("many", "one"):
        for name in ("off", "on"):
            rounds = found[load_name][name]
            ordered = sorted(latency for seen in rounds for latency in seen.latencies)
            told[f"{load_name} {name}"] = {
                "calls a second": median(seen.rate for seen in rounds),
                "p50": percentile(ordered, 50), "p99": percentile(ordered, 99),
                "calls": len(ordered), "wrong": sum(seen.wrong for seen in rounds),
            }  # fmt: skip
    told["gain"] = told["many on"]["calls a second"] / told["many off"]["calls a second"]
    told["added"] = told["one on"]["p50"] - told["one off"]["p50"]
    return told


def problems(told: dict[str, Any], *, side_by_side: bool) -> list[str]:
    """What is not as it should be. An upstream that has room for any number of calls at once has nothing to gain."""
    wrong = sum(row["wrong"] for row in told.values() if isinstance(row, dict))
    found = [f"{wrong} wrong answers"] if wrong else []
    if told["added"] >= MOST_ADDED_SECONDS:
        found.append(f"{told['added'] * 1000:.2f} ms more at one caller")
    if not side_by_side:
        if told["gain"] < LEAST_GAIN:
            found.append(f"only {told['gain']:.2f} times the calls")
        if told["many on"]["p99"] > told["many off"]["p99"]:
            found.append("a later p99")
    return found


def shown(told: dict[str, Any]) -> str:
    """A table of it."""
    return table(
        [
            {
                "callers": "1" if name.startswith("one") else str(CALLERS),
                "batching": name.rpartition(" ")[2],
                "calls/s": number(row["calls a second"]),
                "p50 ms": number(row["p50"] * 1000, 2),
                "p99 ms": number(row["p99"] * 1000, 2),
                "calls": f"{row['calls']:,}",
                "wrong": str(row["wrong"]),
            }
            for name, row in told.items()
            if isinstance(row, dict)
        ]
    )


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.batching", description=__doc__)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    words.add_argument("--side-by-side", action="store_true", help="the upstream takes any number of calls at once")
    words.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.serve:
        uvloop.run(serve(given.serve, given.side_by_side))
        return
    about = machine.describe()
    print(machine.headline(about))
    port = machine.free_port()
    with tempfile.TemporaryDirectory(prefix="penstock-batching-") as folder:
        own = ["--side-by-side"] if given.side_by_side else []
        argv = [sys.executable, "-m", "bench.batching", "--serve", str(port), *own]
        usable = os.sched_getaffinity(0)
        upstream = Running(argv, usable, Path(folder, "log"), {"PYTHONPATH": f"{machine.ROOT}:{machine.ROOT / 'src'}"})
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                base = f"http://127.0.0.1:{port}/v1"
                found = runner.run(measure(base, Path(folder), given.rounds, given.seconds))
        finally:
            upstream.stop()
    told = summary(found)
    wrong = problems(told, side_by_side=given.side_by_side)
    print(shown(told))
    print(f"{told['gain']:.1f} times the calls; at one caller {told['added'] * 1000:+.2f} ms")
    print("; ".join(wrong) or "the bars are met")
    target = machine.CACHE / "results" / f"batching{'_side_by_side' if given.side_by_side else ''}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    plain = {
        load: {name: [asdict(seen) for seen in rounds] for name, rounds in found[load].items()}
        for load in ("many", "one")
    }
    target.write_text(
        json.dumps(
            {"machine": about, "told": told, "metrics": found["metrics"], "admin": found["admin"], "rounds": plain},
            indent=1,
        )
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
