"""What does a thundering herd cost? Thousands of equal calls at the same moment, half of them for a stream.

Asked: is it one upstream call, is everybody's answer whole, how long does it take, how much memory; and the same with
the upstream dying at half. Clients, gateway and upstream are processes of their own. Exits 1 when somebody got less.
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
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import uvloop

from bench import built, machine, proxies, rig
from bench.process import Running
from bench.stats import number, percentile, table

EVENTS = 40
TEXT = "".join(f"w{position} " for position in range(EVENTS))
_FACTS = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_CONTENT = re.compile(rb'"content":\s*"((?:[^"\\]|\\.)*)"')


def events() -> list[bytes]:
    """The stream, event by event, each a chunk."""
    told = [{"index": 0, "delta": {"content": f"w{position} "}, "finish_reason": None} for position in range(EVENTS)]
    told.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    data = [b"data: " + json.dumps(_FACTS | {"choices": [choice]}).encode() + b"\n\n" for choice in told]
    return [b"%x\r\n%b\r\n" % (len(event), event) for event in [*data, b"data: [DONE]\n\n"]]


class Upstream(asyncio.Protocol):
    """One connection of the upstream. ``shared``: calls so far. The first stream takes ``seconds``, and may die at
    half; what comes after it is told at once."""

    def __init__(self, shared: list[bytes], seconds: float, dies: bool) -> None:
        self._shared = shared
        self._seconds = seconds
        self._dies = dies
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, body = self._got.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if not blank or (length is not None and len(body) < int(length[1])):
            return
        self._got = b""
        if head.startswith(b"GET"):
            told = json.dumps(len(self._shared)).encode()
            self._transport.write(_WHOLE % (len(told), told))
        elif b'"temperature": 0,' not in body:  # the rig asks whether somebody is there
            told = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}'
            self._transport.write(_WHOLE % (len(told), told))
        else:
            self._shared.append(body)
            self._transport.write(_HEAD)
            self._step(0, self._seconds / EVENTS if len(self._shared) == 1 else 0.0)

    def _step(self, position: int, gap: float) -> None:
        those = events()
        if gap and self._dies and position == EVENTS // 2:
            self._transport.abort()
        elif not gap:
            self._transport.write(b"".join(those) + b"0\r\n\r\n")
        elif position == len(those):
            self._transport.write(b"0\r\n\r\n")
        else:
            self._transport.write(those[position])
            asyncio.get_running_loop().call_later(gap, self._step, position + 1, gap)


async def serve(port: int, seconds: float, dies: bool) -> None:
    """Listen until the process ends."""
    shared: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", port))
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(shared, seconds, dies), sock=listener)
    await server.serve_forever()


class Caller(asyncio.Protocol):
    """One of the herd: its answer, and when its parts came."""

    def __init__(self, wants_stream: bool) -> None:
        self.wants_stream = wants_stream
        self.parts: list[bytes] = []
        self.first = self.last = 0.0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.parts.append(data)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)

    def whole(self) -> bool:
        """Whether it got all of the answer in the form that it asked for."""
        data = b"".join(self.parts)
        told = b"".join(_CONTENT.findall(data)).decode()
        ended = b"data: [DONE]" in data if self.wants_stream else b'"finish_reason":"stop"' in data
        return data.startswith(b"HTTP/1.1 200") and told == TEXT and ended


@dataclass
class Seen:
    """What came of one herd. Seconds."""

    callers: int = 0
    whole: int = 0
    upstream_calls: int = 0
    seconds: float = 0.0
    first_p50: float = 0.0
    first_p99: float = 0.0
    end_p50: float = 0.0
    end_p99: float = 0.0
    memory_mib: float = 0.0
    cpu_seconds: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)


def request(headers: dict[str, str], stream: bool) -> bytes:
    """What each of the herd sends."""
    messages = [{"role": "user", "content": "count"}]
    body = json.dumps({"model": "m", "temperature": 0, "stream": stream, "messages": messages}).encode()
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def herd(port: int, headers: dict[str, str], count: int, within: float) -> tuple[list[Caller], float]:
    """All connect, then all ask in one breath. Gives them, and when they asked."""
    loop = asyncio.get_running_loop()
    callers: list[Caller] = []
    for start in range(0, count, 100):
        made = [Caller(bool(position % 2)) for position in range(start, min(start + 100, count))]
        await asyncio.gather(
            *(loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port) for caller in made)  # type: ignore[misc]
        )
        callers += made
    asks = {stream: request(headers, stream) for stream in (False, True)}
    begun = time.monotonic()
    callers[1].transport.write(asks[True])  # a stream leads: it is the one that can die at half
    await asyncio.sleep(0.2)
    for caller in callers:
        if caller is not callers[1]:
            caller.transport.write(asks[caller.wants_stream])
    await asyncio.wait([caller.over for caller in callers], timeout=within)
    return callers, begun


class Herded(proxies.Penstock):
    """Penstock as it is by default, with retries that come at once."""

    def launch(self, site: proxies.Site) -> proxies.Launch:
        launch = super().launch(site)
        config = site.folder / "penstock.yaml"
        sections = json.loads(config.read_text())
        del sections["coalesce"], sections["cache"]
        sections["listen"]["max_connections_per_peer"] = 20_000
        config.write_text(json.dumps(sections, indent=2))
        return launch


def measure(count: int, seconds: float, *, dies: bool = False, within: float = 60.0) -> Seen:
    """One herd against a gateway of its own."""
    _, cores = machine.cores()
    port = machine.free_port()
    with rig.run_folder() as folder:
        argv = [sys.executable, "-m", "bench.coalesce", "--serve", str(port), str(seconds), str(int(dies))]
        upstream = Running(argv, cores, folder / "log", {"PYTHONPATH": f"{machine.ROOT}:{machine.ROOT / 'src'}"})
        try:
            rig.wait_until_it_answers(upstream, port, {}, "upstream")
            with rig.standing(Herded(), port) as gateway:
                while "penstock_cache_ready 1" not in _get(gateway.port, "/metrics", dict(gateway.headers)):
                    time.sleep(0.02)  # until then the cache cannot say which calls are equal, and herds are two
                idle, used = gateway.process.memory_bytes()[1], gateway.process.cpu_seconds()
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    callers, begun = runner.run(herd(gateway.port, dict(gateway.headers), count, within))
                memory, cpu = gateway.process.memory_bytes()[1], gateway.process.cpu_seconds()
                page = _get(gateway.port, "/metrics", dict(gateway.headers))
            calls = json.loads(_get(port, "/count", {}))
        finally:
            upstream.stop()
    firsts = sorted(caller.first - begun for caller in callers)
    ends = sorted(caller.last - begun for caller in callers)
    told = re.findall(r"^(penstock_(?:coalesce|rescues)\S*) (\S+)$", page, re.MULTILINE)
    return Seen(
        callers=len(callers), whole=sum(caller.whole() for caller in callers), upstream_calls=calls, seconds=ends[-1],
        first_p50=percentile(firsts, 50), first_p99=percentile(firsts, 99),
        end_p50=percentile(ends, 50), end_p99=percentile(ends, 99), memory_mib=(memory - idle) / 2**20,
        cpu_seconds=cpu - used, metrics={name: float(value) for name, value in told},
    )  # fmt: skip


def _get(port: int, path: str, headers: dict[str, str]) -> str:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def problems(seen: Seen, *, dies: bool) -> list[str]:
    """What is not as it should be."""
    found = [] if seen.whole == seen.callers else [f"{seen.callers - seen.whole} of {seen.callers} did not get all"]
    if seen.upstream_calls != 1 + dies:
        found.append(f"{seen.upstream_calls} upstream calls")
    return found


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.coalesce", description=__doc__)
    words.add_argument("--callers", type=int, default=10_000, help="descriptors bound it, on both sides")
    words.add_argument("--seconds", type=float, default=12.0, help="how long the upstream takes")
    words.add_argument("--serve", nargs=3, type=float, metavar=("PORT", "SECONDS", "DIES"), help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.serve:
        uvloop.run(serve(int(given.serve[0]), given.serve[1], bool(given.serve[2])))
        return
    about = built.about()
    print(machine.headline(about))
    machine.take_place()
    machine.raise_descriptor_limit()
    rows, wrong, results = [], [], {}
    for name, dies in (("well", False), ("dies at half", True)):
        seen = measure(given.callers, given.seconds, dies=dies)
        wrong += [f"{name}: {problem}" for problem in problems(seen, dies=dies)]
        results[name] = asdict(seen)
        rows.append(
            {
                "upstream": name,
                "callers": f"{seen.callers:,}",
                "whole": f"{seen.whole:,}",
                "upstream calls": str(seen.upstream_calls),
                "first byte p50 s": number(seen.first_p50, 2),
                "p99": number(seen.first_p99, 2),
                "end p50 s": number(seen.end_p50, 2),
                "p99 ": number(seen.end_p99, 2),
                "MiB": number(seen.memory_mib),
                "CPU s": number(seen.cpu_seconds),
            }
        )
    print(table(rows))
    print("; ".join(wrong) or "one call each, everybody whole")
    target = machine.CACHE / "results" / "coalesce.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(json.dumps({"machine": about, "results": results, "problems": wrong}, indent=1))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
