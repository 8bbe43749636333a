"""Do readers that hardly read disturb the others? Streams of some MiB each, a few of them read at a byte a second.

Runs the same streams twice, without slow readers and with them. Prints the 99th percentile of the gaps of the others,
how much the upstreams of the slow ones were let send, the memory of the gateway, and what it counts as held for slow
readers, the kernel's send buffers among it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

from bench import machine, proxies, rig
from bench.process import Running
from bench.stats import percentile

INTERVAL = 0.1
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_HELD = re.compile(rb'^penstock_account_bytes\{account="buffers"\} (\d+)', re.MULTILINE)
_WHO = re.compile(rb'"user": ?"(\w+)"')


def event(size: int) -> bytes:
    """One chat event of about this many bytes, as a chunk."""
    head = b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"'
    data = head + b"x" * max(size - len(head) - 40, 1) + b'"},"finish_reason":null}]}\n\n'
    return b"%x\r\n%b\r\n" % (len(data), data)


class Upstream(asyncio.Protocol):
    """Sends each stream its next event an interval after the last, but none while its reader does not take them."""

    streams: dict[str, Upstream]

    def __init__(self, shared: dict[str, Upstream], data: bytes, count: int) -> None:
        self._shared = shared
        self._data = data
        self._count = count
        self.sent = 0
        self._open = True
        self._stopped = False
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._open = False

    def pause_writing(self) -> None:
        self._stopped = True

    def resume_writing(self) -> None:
        self._stopped = False

    def data_received(self, data: bytes) -> None:
        self._got += data
        if b"\r\n\r\n" not in self._got:
            return
        who = _WHO.search(self._got)
        if b"GET /counts" in self._got:
            told = json.dumps({name: one.unread() for name, one in self._shared.items()}).encode()
            self._transport.write(_WHOLE % (len(told), told))
        elif b'"stream": true' not in self._got:
            body = b'{"choices":[{"message":{"role":"assistant","content":"x"}}]}'
            self._transport.write(_WHOLE % (len(body), body))
        elif who is not None:
            self._shared[who[1].decode()] = self
            self._transport.write(_HEAD)
            self._step()
        self._got = b""

    def unread(self) -> list[int]:
        """Bytes handed to the socket, and bytes that wait before it."""
        return [self.sent, self._transport.get_write_buffer_size() if self._open else 0]

    def _step(self) -> None:
        if not self._open:
            return
        if not self._stopped:
            self._transport.write(self._data)
            self.sent += len(self._data)
        if self.sent >= self._count * len(self._data):
            end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
            self._transport.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(end), end))
        else:
            asyncio.get_running_loop().call_later(INTERVAL, self._step)


async def serve(port: int, size: int, count: int) -> None:
    """Listen until the process ends."""
    shared: dict[str, Upstream] = {}
    data = event(size)
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(shared, data, count), sock=listener)
    await server.serve_forever()


@dataclass
class Seen:
    """What the readers saw. Gaps in seconds, of the quick ones, between reads that brought something."""

    gaps: list[float] = field(default_factory=list)
    whole: int = 0
    broken: int = 0


class Quick(asyncio.Protocol):
    """Reads all as it comes."""

    def __init__(self, asked: bytes, seen: Seen, done: asyncio.Future[None]) -> None:
        self._asked = asked
        self._seen = seen
        self._done = done
        self._last = 0.0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if self._last and now - self._last > INTERVAL / 4:  # less: the rest of an event cut by the socket
            self._seen.gaps.append(now - self._last)
            self._last = now
        elif not self._last:
            self._last = now
        self._tail = (self._tail + data)[-64:]
        if b"[DONE]" in self._tail:
            self._seen.whole += 1
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._seen.broken += b"[DONE]" not in self._tail
        if not self._done.done():
            self._done.set_result(None)


def asked(port: int, headers: dict[str, str], who: str) -> bytes:
    """The request of one stream."""
    words = {"model": "m", "stream": True, "user": who, "messages": [{"role": "user", "content": "x"}]}
    body = json.dumps(words).encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{lines}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def load(port: int, headers: dict[str, str], quick: int, slow: int) -> Seen:
    """All streams to the end of the quick ones. A slow reader's socket holds 4 KiB, and gives a byte a second."""
    loop = asyncio.get_running_loop()
    seen = Seen()
    lines = []
    for number in range(slow):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", port))
        line.sendall(asked(port, headers, f"slow{number}"))
        line.setblocking(False)
        lines.append(line)
    ends = []
    for number in range(quick):
        done: asyncio.Future[None] = loop.create_future()
        ends.append(done)
        one = asked(port, headers, f"quick{number}")
        await loop.create_connection(lambda one=one, done=done: Quick(one, seen, done), "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.sleep(INTERVAL / quick)
    sipping = loop.create_task(_sip(lines))
    await asyncio.gather(*ends)
    sipping.cancel()
    for line in lines:
        line.close()
    return seen


async def _sip(lines: list[socket.socket]) -> None:
    while True:
        for line in lines:
            try:
                line.recv(1)
            except (BlockingIOError, ConnectionError):
                continue
        await asyncio.sleep(1.0)


def measure(streams: int, slow: int, seconds: float, mib: float) -> dict[str, float]:
    """One run against a gateway of its own."""
    count = max(int(seconds / INTERVAL), 1)
    size = max(int(mib * 1024 * 1024 / count), 200)
    port = machine.free_port()
    _, cores = machine.cores()
    (penstock,) = proxies.chosen("penstock", without=())
    with rig.run_folder() as folder:
        argv = [sys.executable, "-m", "bench.slow_readers", "--serve", str(port), str(size), str(count)]
        upstream = Running(argv, cores, folder / "log", {"PYTHONPATH": str(machine.ROOT)})
        try:
            rig.wait_until_it_answers(upstream, port, {}, "upstream")
            with rig.standing(penstock, port, streams=True) as gateway:
                idle = gateway.process.memory_bytes()[1]
                watch = _Watch(gateway)
                with uvloop_runner() as runner:
                    seen = runner.run(watch.during(load(gateway.port, dict(gateway.headers), streams - slow, slow)))
                counts = _counts(port)
        finally:
            upstream.stop()
    gaps = sorted(seen.gaps)
    held = [sent for name, (sent, _) in counts.items() if name.startswith("slow")]
    return {
        "quick_whole": seen.whole, "broken": seen.broken, "gap_p50_ms": 1000 * percentile(gaps, 50),
        "gap_p99_ms": 1000 * percentile(gaps, 99), "slow_sent_kib_mean": sum(held) / max(len(held), 1) / 1024,
        "slow_sent_kib_most": max(held, default=0) / 1024, "answer_kib": size * count / 1024,
        "memory_mib": (watch.peak - idle) / 1048576, "held_mib": watch.held / 1048576,
    }  # fmt: skip


def uvloop_runner() -> asyncio.Runner:
    """A runner on uvloop."""
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


class _Watch:
    """The gateway's memory, and what it holds for slow readers, looked at while a load runs."""

    def __init__(self, gateway: rig.Standing) -> None:
        self._gateway = gateway
        self.peak = self.held = 0

    async def during(self, work: object) -> Seen:
        task: asyncio.Task[Seen] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        while not task.done():
            self.peak = max(self.peak, self._gateway.process.memory_bytes()[1])
            self.held = max(self.held, await asyncio.to_thread(self._held))
            await asyncio.wait([task], timeout=2.0)
        return task.result()

    def _held(self) -> int:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self._gateway.port}/metrics", headers=dict(self._gateway.headers)
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            found = _HELD.search(answer.read())
        return 0 if found is None else int(found[1])


def _counts(port: int) -> dict[str, list[int]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/counts", timeout=10) as answer:
        counts: dict[str, list[int]] = json.load(answer)
        return counts


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.slow_readers", description=__doc__)
    words.add_argument("--streams", type=int, default=1000)
    words.add_argument("--slow", type=int, default=50)
    words.add_argument("--seconds", type=float, default=60.0, help="length of a stream")
    words.add_argument("--mib", type=float, default=8.0, help="size of a stream")
    words.add_argument("--serve", nargs=3, type=int, metavar=("PORT", "SIZE", "COUNT"), help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.serve:
        uvloop.run(serve(*given.serve))
        return
    machine.raise_descriptor_limit()
    quick = given.streams - given.slow
    without = measure(quick, 0, given.seconds, given.mib)
    with_slow = measure(given.streams, given.slow, given.seconds, given.mib)
    print(f"| {quick} quick | whole | broken | gap p50 ms | p99 ms | KiB sent to a slow one (most) | MiB | held |")
    print("|---|---|---|---|---|---|---|---|")
    for name, one in (("alone", without), (f"beside {given.slow} slow", with_slow)):
        print(
            f"| {name} | {one['quick_whole']:.0f} | {one['broken']:.0f} | {one['gap_p50_ms']:.1f} "
            f"| {one['gap_p99_ms']:.1f} "
            f"| {one['slow_sent_kib_mean']:.0f} ({one['slow_sent_kib_most']:.0f}) of {one['answer_kib']:.0f} "
            f"| {one['memory_mib']:.1f} | {one['held_mib']:.1f} |"
        )
    folder = machine.ROOT / ".cache" / "bench" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    Path(folder, "slow_readers.json").write_text(json.dumps({"without": without, "with": with_slow}, indent=1))


if __name__ == "__main__":
    main()
