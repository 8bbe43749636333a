"""Engines of the embedded model, each a process with an address of its own, one of them throttled.

``python -m bench.engines --port P --slots S`` is one engine. The throttled one is stopped and let go on by turns, so
that it computes for half of the time, evenly, whatever else the machine does. No prompt outlives its slot.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench import machine
from bench.process import Running
from penstock.providers.local import engine
from penstock.providers.local.weights import fetch_weights

KEY = "sk-bench"
CONTEXT_TOKENS = 2048
"""Of one slot."""
TURN_SECONDS = 0.05
"""The throttled engine runs for so long, then stands still for so long."""
PATIENCE_SECONDS = 60.0


@contextlib.contextmanager
def engines(count: int, slots: int, folder: Path) -> Iterator[list[str]]:
    """The base URLs of ``count`` fresh engines; the last one is throttled."""
    machine_cores = set().union(*machine.cores())
    model = str(fetch_weights())
    with contextlib.ExitStack() as stack:
        ports, running = [], []
        for number in range(count):
            port = machine.free_port()
            argv = [sys.executable, "-m", "bench.engines", "--port", str(port), "--slots", str(slots), "--model", model]
            paths = os.pathsep.join([str(machine.ROOT), str(machine.ROOT / "src")])
            process = Running(argv, machine_cores, folder / f"engine-{number}.log", {"PYTHONPATH": paths})
            stack.callback(process.stop)
            ports.append(port)
            running.append(process)
        for port, process in zip(ports, running, strict=True):
            _wait(port, process)
        stack.enter_context(throttled(running[-1]))
        yield [f"http://127.0.0.1:{port}" for port in ports]


@contextlib.contextmanager
def throttled(process: Running) -> Iterator[None]:
    """Let a process run for half of the time."""
    over = threading.Event()

    def work() -> None:
        pids = process.pids()
        while process.alive:
            for stop, start in ((signal.SIGSTOP, False), (signal.SIGCONT, True)):
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, stop)
                if over.wait(TURN_SECONDS) and start:
                    return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _wait(port: int, process: Running) -> None:
    """Until an engine has loaded its model, and answered a word so that its pages are there."""
    body = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"ping"}]}'
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.alive:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
            connection.request("POST", "/v1/chat/completions", body, headers)
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"an engine does not answer; its log ends:\n{process.log.read_text(errors='replace')[-1500:]}")


def serve(port: int, slots: int, model: str) -> None:
    """One engine, until it is told to end."""
    options = engine.EngineOptions(
        alias="m", threads=1, context=CONTEXT_TOKENS, slots=slots, prompt_cache_mib=0, embeddings=False
    )
    server = engine.load(options, model, port, KEY)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    print(server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    words = argparse.ArgumentParser(prog="python -m bench.engines", description=__doc__)
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--slots", type=int, required=True)
    words.add_argument("--model", required=True)
    given = words.parse_args()
    serve(given.port, given.slots, given.model)
