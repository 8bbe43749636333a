"""Closed-loop load by wrk (C): N keep-alive connections, each sending the next request when the last is answered.

Enters: a port, a body, header fields; leaves: a ``Load`` with counts and latency percentiles. Raises ``RuntimeError``
with wrk's own words when wrk is missing or says something unexpected.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("chat.lua")


@dataclass(frozen=True)
class Load:
    """What came of one run."""

    requests: int
    seconds: float
    p50_us: float
    p90_us: float
    p99_us: float
    max_us: float
    errors: int

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


def parse_summary(output: str) -> Load:
    """Read the line that chat.lua prints."""
    for line in output.splitlines():
        if line.startswith("BENCH "):
            said = json.loads(line.removeprefix("BENCH "))
            return Load(
                requests=said["requests"],
                seconds=said["microseconds"] / 1e6,
                p50_us=said["p50_us"],
                p90_us=said["p90_us"],
                p99_us=said["p99_us"],
                max_us=said["max_us"],
                errors=said["errors"],
            )
    raise RuntimeError(f"wrk printed no summary:\n{output}")


def closed_loop(
    port: int, body: bytes, headers: Mapping[str, str], connections: int, seconds: float, cores: set[int]
) -> Load:
    """Load one port for about ``seconds``; wrk counts whole seconds, so they are rounded up."""
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is missing: install it (Debian and Ubuntu: apt install wrk)")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "body").write_bytes(body)
        Path(folder, "headers").write_text("".join(f"{name}: {value}\n" for name, value in headers.items()))
        places = ",".join(map(str, sorted(cores)))
        whole_seconds = max(1, round(seconds))
        argv = ["taskset", "-c", places, "wrk", "-t1", f"-c{connections}", f"-d{whole_seconds}s", "--timeout", "10s"]
        argv += ["-s", str(SCRIPT), f"http://127.0.0.1:{port}/v1/chat/completions"]
        env = {**os.environ, "BENCH_REQUEST": folder}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=seconds + 60)
    return parse_summary(done.stdout + done.stderr)
