"""Starts an upstream and the proxies in front of it, each pinned, and waits until each answers a real chat.

Leaves: ``Standing`` proxies, frozen until measured. Raises ``RuntimeError`` with the log's tail when one never answers.
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import machine, upstream
from bench.payload import small_chat
from bench.process import Running
from bench.proxies import HERE, Proxy, Site, nginx_command

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Standing:
    """A proxy that answers."""

    name: str
    process: Running
    port: int
    headers: Mapping[str, str]


@contextlib.contextmanager
def fixed_upstream(kind: Literal["nginx", "python"], interval_seconds: float = 0.02) -> Iterator[Standing]:
    """An upstream on the load's cores."""
    port = machine.free_port()
    _, cores = machine.cores()
    with run_folder() as folder:
        if kind == "nginx":
            texts = {"whole": upstream.WHOLE, "models": upstream.MODELS, "info": upstream.INFO}
            values = {name: text.decode() for name, text in texts.items()} | {"port": str(port)}
            limit = machine.raise_descriptor_limit()
            argv = nginx_command(folder, HERE / "nginx_upstream.conf", limit, values)
        else:
            argv = [sys.executable, "-m", "bench.upstream", "--port", str(port), "--interval", str(interval_seconds)]
        process = Running(argv, cores, folder / "log", {"PYTHONPATH": str(machine.ROOT)})
        try:
            wait_until_it_answers(process, port, {}, "upstream")
            yield Standing("upstream", process, port, {})
        finally:
            process.stop()


@contextlib.contextmanager
def standing(proxy: Proxy, upstream_port: int, streams: bool = False) -> Iterator[Standing]:
    """One proxy, pinned to its core, answering."""
    proxy_cores, _ = machine.cores()
    with run_folder() as folder:
        site = Site(folder, machine.free_port(), upstream_port, streams, machine.raise_descriptor_limit())
        launch = proxy.launch(site)
        process = Running(launch.argv, proxy_cores, folder / "log", launch.env)
        headers = {"Content-Type": "application/json", **launch.headers}
        try:
            wait_until_it_answers(process, site.port, headers, proxy.name)
            yield Standing(proxy.name, process, site.port, headers)
        finally:
            process.stop()


@contextlib.contextmanager
def all_standing(proxies: list[Proxy], upstream_port: int, streams: bool = False) -> Iterator[list[Standing]]:
    """All of them, each frozen until its turn; one that does not come up is left out and said."""
    with contextlib.ExitStack() as stack:
        up = []
        for proxy in proxies:
            try:
                up.append(stack.enter_context(standing(proxy, upstream_port, streams)))
            except (RuntimeError, OSError) as error:
                print(f"{proxy.name} is left out: {error}", file=sys.stderr)
                continue
            up[-1].process.freeze()
        yield up


@contextlib.contextmanager
def awake(proxy: Standing) -> Iterator[None]:
    """Its turn: it runs, all others stay frozen."""
    proxy.process.thaw()
    time.sleep(0.1)  # what piled up while it was frozen is not part of the measurement
    try:
        yield
    finally:
        proxy.process.freeze()


def wait_until_it_answers(
    process: Running, port: int, headers: Mapping[str, str], name: str, pause_seconds: float = 0.02
) -> None:
    """Poll with a whole chat until it is answered 200."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    last = "no connection"
    while time.monotonic() < deadline and process.alive:
        try:
            status, text = ask(port, headers)
        except (OSError, http.client.HTTPException) as error:
            last = repr(error)
        else:
            if status == 200:
                return
            last = f"{status} {text[:300]!r}"
        time.sleep(pause_seconds)
    tail = process.log.read_text(errors="replace")[-1500:]
    raise RuntimeError(f"{name} does not answer on port {port} ({last}); its log ends:\n{tail}")


def ask(port: int, headers: Mapping[str, str], timeout_seconds: float = 5.0) -> tuple[int, bytes]:
    """One short chat on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        connection.request("POST", "/v1/chat/completions", small_chat(), dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """A run folder that workers of another user may read too, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
