"""How soon is it ready, and does the first call after that pay for being the first?

Installed without extras into a fresh environment; 20 upstreams, 100,000 answers in the store. Exec to the first 200 of
/health/ready, polled each millisecond; then calls on a fresh connection each, evenly spaced: the first against the
median of the later half. The upstream answers after a pause of its own, which is part of both. Beside the wall clock
the CPU time of the gateway's main thread, which holds still where cores are shared.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import built, machine, rig
from bench.cache_start import SECRET, fill
from bench.coldstart import fresh_penstock
from bench.payload import MODEL, small_chat
from bench.process import Running
from bench.proxies import Launch, Penstock, Site
from bench.stats import Row, median, number, percentile, table
from bench.upstream import WHOLE

UPSTREAMS = 20
ENTRIES = 100_000
CALLS = 60
SPACE_SECONDS = 0.02
PAUSE_SECONDS = 0.001
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Start:
    """One start: seconds from exec to ready, with the CPU seconds of that; each call's seconds, and CPU seconds."""

    ready: float
    ready_cpu: float
    calls: list[float]
    cpu: list[float]

    @property
    def steady(self) -> float:
        return median(self.calls[len(self.calls) // 2 :])

    @property
    def steady_cpu(self) -> float:
        return median(self.cpu[len(self.cpu) // 2 :])


def cpu_seconds(pid: int) -> float:
    """Of the main thread, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


class Upstream:
    """Answers on one port after ``pause`` seconds."""

    def __init__(self, pause: float) -> None:
        self._pause = pause

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                await asyncio.sleep(self._pause)
                fields = b"content-type: application/json\r\ncontent-length: %d" % len(WHOLE)
                writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (fields, WHOLE))


async def _serve(port: int, pause: float) -> None:
    server = await asyncio.start_server(Upstream(pause), "127.0.0.1", port)
    await server.serve_forever()


@contextlib.contextmanager
def upstream(pause: float) -> Iterator[int]:
    """In a process of its own."""
    import multiprocessing

    port = machine.free_port()
    child = multiprocessing.get_context("spawn").Process(
        target=_run_upstream, args=(port, pause, machine.cores()[1]), daemon=True
    )
    child.start()
    try:
        yield port
    finally:
        child.terminate()
        child.join()


def _run_upstream(port: int, pause: float, cores: set[int]) -> None:
    import os

    os.sched_setaffinity(0, cores)
    asyncio.run(_serve(port, pause))


def configured(launch: Launch, upstream_port: int, store: Path, more: dict[str, Any]) -> None:
    """Rewrite the config of ``launch``: many upstreams, many kept answers, all as by default else."""
    path = Path(launch.argv[launch.argv.index("--config") + 1])
    sections = json.loads(path.read_text())
    names = [f"up-{at}" for at in range(UPSTREAMS)]
    one = {"kind": "openai", "base_url": f"http://127.0.0.1:{upstream_port}/v1"}
    sections |= {
        "store": f"sqlite:{store}",
        "cache": {"secret": SECRET},
        "upstreams": dict.fromkeys(names, one),
        "models": {MODEL: {"upstreams": names}},
        **more,
    }
    del sections["coalesce"]
    path.write_text(json.dumps(sections))


def one_start(launch: Launch, port: int, calls: int) -> Start:
    """Start it, wait until it is ready, call it, stop it."""
    proxy_cores, _ = machine.cores()
    headers = {"Content-Type": "application/json", **launch.headers}
    folder = Path(launch.argv[launch.argv.index("--config") + 1]).parent
    began = time.perf_counter()
    process = Running(launch.argv, proxy_cores, folder / "log", launch.env)
    try:
        while not _ready(port):
            if time.perf_counter() - began > PATIENCE_SECONDS or not process.alive:
                raise RuntimeError(f"not ready: {(folder / 'log').read_text()[-800:]}")
            time.sleep(PAUSE_SECONDS)
        ready, ready_cpu = time.perf_counter() - began, cpu_seconds(process.pid)
        took, used = [], []
        for _ in range(calls):
            time.sleep(SPACE_SECONDS)
            cpu, begun = cpu_seconds(process.pid), time.perf_counter()
            _call(port, headers)
            took.append(time.perf_counter() - begun)
            used.append(cpu_seconds(process.pid) - cpu)
    finally:
        process.stop()
    return Start(ready, ready_cpu, took, used)


def _ready(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        line.request("GET", "/health/ready")
        return line.getresponse().status == 200
    except OSError:
        return False
    finally:
        line.close()


def _call(port: int, headers: dict[str, str]) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("POST", "/v1/chat/completions", small_chat(), headers)
    answer = line.getresponse()
    text = answer.read()
    line.close()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {text[:300]!r}")


def row(name: str, starts: list[Start]) -> Row:
    """Medians over starts."""
    ready = [one.ready for one in starts]
    first, steady = median(one.calls[0] for one in starts), median(one.steady for one in starts)
    return {
        "": name,
        "ready s": number(median(ready), 3),
        "p90": number(percentile(sorted(ready), 90), 3),
        "CPU s": number(median(one.ready_cpu for one in starts), 3),
        "first call ms": number(first * 1e3, 2),
        "steady ms": number(steady * 1e3, 2),
        "first / steady": number(first / steady, 2),
        "first CPU ms": number(median(one.cpu[0] for one in starts) * 1e3, 2),
        "steady CPU ms": number(median(one.steady_cpu for one in starts) * 1e3, 2),
    }


def measure(starts: int, entries: int, pauses: list[float]) -> dict[str, list[Start]]:
    """By what was measured: with an upstream of each pause, warm and with ``warmup.enabled: false`` in turn."""
    found: dict[str, list[Start]] = {}
    with rig.run_folder() as fresh, rig.run_folder() as folder:
        store = folder / "filled.sqlite"
        asyncio.run(fill(store, entries))
        penstock: Penstock = fresh_penstock(fresh)
        for pause in pauses:
            with upstream(pause) as upstream_port:
                sites = {}
                for name, more in (("", {}), (", warmup off", {"warmup": {"enabled": False}})):
                    home = folder / f"{pause}{bool(more)}"
                    home.mkdir()
                    port = machine.free_port()
                    launch = penstock.launch(Site(home, port, upstream_port, False, 1024))
                    configured(launch, upstream_port, store, more)
                    sites[f"upstream of {pause * 1e3:g} ms{name}"] = launch, port
                for _ in range(starts):
                    for name, (launch, port) in sites.items():
                        found.setdefault(name, []).append(one_start(launch, port, CALLS))
    return found


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.ready", description=__doc__)
    words.add_argument("--starts", type=int, default=20)
    words.add_argument("--entries", type=int, default=ENTRIES)
    words.add_argument("--pauses", default="0.02,0", help="seconds that the upstream takes, comma between")
    words.add_argument("--json", type=Path, metavar="FILE", help="where the samples go")
    given = words.parse_args()
    about = built.about()
    print(machine.headline(about))
    machine.take_place()
    found = measure(given.starts, given.entries, [float(one) for one in given.pauses.split(",")])
    print(f"\n### {UPSTREAMS} upstreams, {given.entries:,} answers, median of {given.starts} starts\n")
    print(table([row(name, starts) for name, starts in found.items()]), flush=True)
    if given.json:
        plain = {name: [dataclasses.asdict(one) for one in starts] for name, starts in found.items()}
        given.json.write_text(json.dumps({"machine": about, "found": plain}, indent=1))


if __name__ == "__main__":
    main()
