"""How long do 10,000 users wait? Each has a connection of its own and asks now and then, at moments of chance.

The upstream answers at once: what is measured is the gateway, and the rig. Prints a table; exits 1 when the 95th
percentile is 150 ms or more, or a call failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop

from bench import built, machine, rig
from bench.gateways import Gateway
from bench.payload import MODEL, small_chat
from bench.stats import number, percentile, table

GOAL_SECONDS = 0.150
OPENED_AT_ONCE = 200


@dataclass
class Seen:
    """What came of it."""

    users: int
    calls: int = 0
    failed: int = 0
    took: float = 0.0
    seconds: list[float] = field(default_factory=list)

    @property
    def p95(self) -> float:
        return percentile(sorted(self.seconds), 95)


class User(asyncio.Protocol):
    """Asks, waits for the answer, thinks, and asks again."""

    def __init__(self, seen: Seen, think: float, draw: random.Random) -> None:
        self._seen = seen
        self._think = think
        self._draw = draw
        self._got = b""
        self._asked = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.over = False
        body = small_chat()
        self._request = (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def begin(self) -> None:
        """Think first."""
        self._later()

    def _later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._draw.expovariate(1 / self._think), self._ask)

    def _ask(self) -> None:
        if not self.over:
            self._asked = time.monotonic()
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, body = self._got.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if not blank or len(body) < length:
            return
        self._seen.calls += 1
        self._seen.seconds.append(time.monotonic() - self._asked)
        self._seen.failed += not head.startswith(b"HTTP/1.1 200")
        self._got, self._asked = b"", 0.0
        self._later()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over:
            self._seen.failed += 1
        self.over = True

    def leave(self) -> None:
        """No more."""
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()


def config(upstream: int, users: int) -> dict[str, Any]:
    """Of the gateway: all rooms as by default, but what would answer equal calls without asking."""
    return {
        "listen": {
            "max_connections": 2 * users,
            "max_connections_per_peer": 2 * users,
            "first_byte_timeout": "10m",
            "idle_timeout": "10m",  # some think for long, and would connect anew
        },
        "auth": {"mode": "open"},
        "scrape": {"enabled": False},
        "health": {"probes": "off"},
        "coalesce": {"enabled": False},
        "cache": {"exact": {"enabled": False}},
        "upstreams": {"up": {"kind": "openai", "base_url": f"http://127.0.0.1:{upstream}/v1"}},
        "models": {MODEL: {"upstreams": ["up"]}},
    }


async def play(port: int, users: int, think: float, seconds: float) -> Seen:
    """All of them for so long."""
    loop, draw, seen = asyncio.get_running_loop(), random.Random(1), Seen(users)
    made: list[User] = []
    for start in range(0, users, OPENED_AT_ONCE):
        some = [User(seen, think, draw) for _ in range(min(OPENED_AT_ONCE, users - start))]
        await asyncio.gather(*(loop.create_connection(lambda one=one: one, "127.0.0.1", port) for one in some))  # type: ignore[misc]
        made += some
    for one in made:
        one.begin()
    began = time.monotonic()
    await asyncio.sleep(seconds)
    seen.took = time.monotonic() - began
    for one in made:
        one.leave()
    return seen


def measure(users: int, think: float, seconds: float) -> Seen:
    """With a gateway and an upstream of its own."""
    machine.raise_descriptor_limit()
    with rig.fixed_upstream("python") as upstream, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        gateway = Gateway(Path(folder), config(upstream.port, users))
        gateway.start()
        gateway.hurry()
        machine.prefer(os.getpid())
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(gateway.until_it_answers())
                return runner.run(play(gateway.port, users, think, seconds))
        finally:
            machine.prefer(os.getpid(), 0)
            gateway.kill()


def main() -> None:
    wants = argparse.ArgumentParser(prog="python -m bench.users", description=__doc__)
    wants.add_argument("--users", type=int, default=10_000)
    wants.add_argument("--think", type=float, default=20.0, help="seconds between an answer and the next call, mean")
    wants.add_argument("--seconds", type=float, default=30.0)
    given = wants.parse_args()
    about = built.about()
    print(machine.headline(about))
    seen = measure(given.users, given.think, given.seconds)
    ordered = sorted(seen.seconds)
    row = {"users": f"{seen.users:,}", "calls/s": number(seen.calls / seen.took, 0), "failed": str(seen.failed)}
    row |= {f"p{share} ms": number(percentile(ordered, share) * 1000, 1) for share in (50, 95, 99)}
    print(table([row]))
    target = machine.CACHE / "results" / "users.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"machine": about, "seen": asdict(seen)}))
    sys.exit(seen.p95 >= GOAL_SECONDS or seen.failed > 0)


if __name__ == "__main__":
    main()
