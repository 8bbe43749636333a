"""What the tests of whole gateways do to them: a usual config, questions to the admin routes, waiting, commands."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.running_gateway import RunningGateway, environment

CONFIG = """
listen: {{drain: {drain}}}
upstreams:
  echo: {{kind: echo}}
  slow: {{kind: echo, tokens_per_second: 50}}
  up: {{kind: vllm, base_url: "{url}", metrics: off}}
models:
  m: {{upstreams: [echo]}}
  slow: {{upstreams: [slow]}}
  hung: {{upstreams: [up]}}
{more}"""


def config(drain: str = "5s", url: str = "http://127.0.0.1:9/v1", more: str = "") -> str:
    return CONFIG.format(drain=drain, url=url, more=more)


def admin(gateway: RunningGateway, path: str, method: str = "GET") -> Any:
    request = urllib.request.Request(
        gateway.url + path, method=method, headers={"authorization": f"Bearer {gateway.key}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read().decode()
    return json.loads(text) if text.startswith("{") else text


def until(true: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for ``true()``; its value."""
    end = time.monotonic() + seconds
    while not (value := _quietly(true)):
        assert time.monotonic() < end, f"not within {seconds} s: {true}"
        time.sleep(0.02)
    return value


def _quietly(true: Callable[[], Any]) -> Any:
    with contextlib.suppress(OSError):
        return true()
    return None


def exited(gateway: RunningGateway, within: float = 30.0) -> int:
    return gateway.process.wait(within)


def refuses(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) != 0


def rewrite(path: Path, text: str) -> None:
    """At once, as editors do it: a reload may be under way."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def penstock(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock", *arguments],
        capture_output=True,
        text=True,
        env=environment(home),
        timeout=60,
    )
