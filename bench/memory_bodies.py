"""Does the gateway keep to its memory limit when far more bodies come than it may hold? All are offered at once.

Prints how many were served, how many refused with when to come back, how many got neither; the most memory used (read
every 20 ms) against the limit; how soon after the storm a call is served again; and, after a burst of large bodies that
all fit, how soon the memory is back where it was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop

from bench import machine
from bench.listening import listening
from bench.process import Running

PAGE = 4096
MIB = 1024 * 1024
SAMPLED = 0.02
NEAR = 8 * MIB
"""Memory is back when no more than a tenth and this are left of what came."""
HOLD = 2.0
"""Seconds that the upstream takes for an answer: so long a body is held."""
CONFIG = """listen:
  {{host: 127.0.0.1, port: {port}, max_body: 4MiB,
  max_connections: 20000, max_connections_per_peer: 20000}}
store: memory
auth: {{mode: open}}
memory: {{limit: {limit}}}
upstreams: {{up: {{kind: openai, base_url: "http://127.0.0.1:{upstream}/v1", max_connections: 4096}}}}
models: {{m: {{upstreams: [up]}}}}
retries: {{max: 0}}
"""
ANSWER = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}).encode()  # fmt: skip
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)


class Slow(asyncio.Protocol):
    """Reads a request to its end and answers after a while."""

    def __init__(self, hold: float) -> None:
        self._hold = hold
        self._left = -1
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._got += data
            head, mark, rest = self._got.partition(b"\r\n\r\n")
            if not mark:
                return
            found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            self._left = (int(found[1]) if found else 0) - len(rest)
            self._got = b""
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._left = -1
            asyncio.get_running_loop().call_later(self._hold, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(HEAD + ANSWER)  # type: ignore[attr-defined]


def body_of(size: int) -> bytes:
    start = b'{"model":"m","messages":[{"role":"user","content":"'
    return start + b"x" * (size - len(start) - 4) + b'"}]}'


def request_of(size: int) -> bytes:
    body = body_of(size)
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )


async def offer(port: int, data: bytes, told: Counter[str], patience: float) -> None:
    """One call on a connection of its own; what came of it is counted."""
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    got = b""
    try:
        async with asyncio.timeout(patience):
            await loop.sock_connect(sock, ("127.0.0.1", port))
            sent = sock.send(data)  # at once: in a turn of its own it might come after the first-byte timeout
            sending = loop.create_task(loop.sock_sendall(sock, memoryview(data)[sent:]))
            while b"\r\n\r\n" not in got:
                part = await loop.sock_recv(sock, 65536)
                if not part:
                    break
                got += part
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    except TimeoutError:
        told["timed out"] += 1
        return
    except OSError as error:
        if not got:
            told[type(error).__name__] += 1
            return
    finally:
        sock.close()
    status = got[9:12].decode() or "cut"
    if status == "503" and b"retry-after:" not in got.lower():
        status = "503 without retry-after"
    told[status] += 1


class Memory:
    """Reads how much a process uses, all the time."""

    def __init__(self, pid: int) -> None:
        self._path = Path(f"/proc/{pid}/statm")
        self.most = 0

    def now(self) -> int:
        return int(self._path.read_text().split()[1]) * PAGE

    async def watch(self) -> None:
        while True:
            self.most = max(self.most, self.now())
            await asyncio.sleep(SAMPLED)


async def until_served(port: int, patience: float) -> float:
    """Seconds until a small call is served."""
    began = time.perf_counter()
    while time.perf_counter() - began < patience:
        told: Counter[str] = Counter()
        await offer(port, request_of(200), told, HOLD + 10)
        if told["200"]:
            return time.perf_counter() - began - HOLD
        await asyncio.sleep(0.1)
    return float("inf")


async def storm(port: int, pid: int, count: int, size: int, limit: int) -> dict[str, object]:
    memory = Memory(pid)
    idle = memory.now()
    watching = asyncio.create_task(memory.watch())
    told: Counter[str] = Counter()
    data = request_of(size)
    began = time.perf_counter()
    await asyncio.gather(*(offer(port, data, told, 300) for _ in range(count)))
    took = time.perf_counter() - began
    again = await until_served(port, 60)
    most = memory.most
    watching.cancel()
    served, refused = told["200"], told["503"] + told["429"]
    return {
        "offered": count, "served": served, "refused": refused, "neither": count - served - refused,
        "outcomes": dict(told), "seconds": round(took, 1), "idle_mib": idle // MIB, "most_mib": most // MIB,
        "most_of_limit": round(most / limit, 3), "served_again_after_s": round(max(0.0, again), 2),
    }  # fmt: skip


async def burst(port: int, pid: int, count: int, size: int) -> dict[str, object]:
    """Bodies that all fit; then nothing."""
    memory = Memory(pid)
    watching = asyncio.create_task(memory.watch())
    before = memory.now()
    told: Counter[str] = Counter()
    await asyncio.gather(*(offer(port, request_of(size), told, 300) for _ in range(count)))
    most = memory.most
    watching.cancel()
    began = time.perf_counter()
    while memory.now() > before + before // 10 + NEAR and time.perf_counter() - began < 60:  # noqa: ASYNC110 - a measurement
        await asyncio.sleep(0.1)
    return {
        "bodies": count, "outcomes": dict(told), "before_mib": before // MIB, "most_mib": most // MIB,
        "after_mib": memory.now() // MIB, "fell_back_after_s": round(time.perf_counter() - began, 1),
    }  # fmt: skip


async def measured(options: argparse.Namespace) -> dict[str, object]:
    port, limit = machine.free_port(), options.limit * MIB
    folder = machine.CACHE / "memory_bodies"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "penstock.yaml"
    cores, _ = machine.cores()
    async with listening(lambda: Slow(HOLD), backlog=4096) as upstream:
        config.write_text(CONFIG.format(port=port, limit=f"{options.limit}MiB", upstream=upstream))
        gateway = Running([sys.executable, "-m", "penstock", "serve", "--config", str(config)], cores, folder / "log")
        try:
            if await until_served(port, 30) == float("inf"):
                raise RuntimeError(gateway.log.read_text()[-2000:])
            pid = gateway.pid
            result: dict[str, object] = {"limit_mib": options.limit}
            result["burst"] = await burst(port, pid, options.burst, MIB)
            result["storm"] = await storm(port, pid, options.bodies, MIB, limit)
            return result
        finally:
            gateway.stop()


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.memory_bodies", description=__doc__)
    words.add_argument("--bodies", type=int, default=17_500)
    words.add_argument("--burst", type=int, default=256)
    words.add_argument("--limit", type=int, default=512, help="MiB (default 512)")
    options = words.parse_args()
    machine.raise_descriptor_limit()
    print(json.dumps(uvloop.run(measured(options)), indent=1))


if __name__ == "__main__":
    main()
