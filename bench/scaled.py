"""A gateway with a pool of played engines, and a caller that checks every word: what ``bench.scaling_real`` stands on.

Enters: a setting, a home. Leaves: a running gateway that may be asked, and calls with what was wrong with them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import machine

CONFIG = """
auth: {{mode: open}}
listen: {{workers: {workers}}}
upstreams: {{gpu: {{kind: vllm, discover: {{scaling: true}}, capacity: {slots}, max_in_flight: {slots}}}}}
models: {{m: {{upstreams: [gpu]}}}}
scaling:
  interval: {interval}
  pools:
    gpu:
      min: {least}
      max: {most}
      drain: {drain}
      policy: {policy}
      local:
        command:
          [{python}, -m, bench.paced_engine, --port, "{{port}}", --start, "{start}", --slots, "{slots}", --gap, "{gap}"]
        environment: {{PYTHONPATH: {root}}}
"""


@dataclass
class Setting:
    """Of the gateway and its engines."""

    workers: int = 1
    least: int = 1
    most: int = 6
    drain: str = "300ms"
    start: float = 0.2
    slots: int = 64
    gap: float = 0.02
    interval: str = "60s"
    policy: str = "{rule: fixed}"


class Gateway:
    """One, as its users start it, with a home of its own."""

    def __init__(self, home: Path, setting: Setting) -> None:
        self.home = home
        self.port = 0
        self._setting = setting
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Gateway:
        config = self.home / "penstock.yaml"
        config.write_text(CONFIG.format(python=sys.executable, root=machine.ROOT, **asdict(self._setting)))
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"],
            "PYTHONPATH": f"{machine.ROOT}/src:{machine.ROOT}",
        }  # fmt: skip
        with (self.home / "log").open("w") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "penstock", "serve", "--port", "0", "--config", str(config),
                env=environment, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if found := re.search(rb"listens on http://127.0.0.1:(\d+)", line):
                self.port = int(found[1])
                return self
        raise RuntimeError(self.log())

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()

    def log(self) -> str:
        return (self.home / "log").read_text()

    def complaints(self) -> list[str]:
        """What it logged as a warning or worse."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line["message"] for line in lines if line["level"] not in ("info", "debug")]

    async def ask(self, name: str, question: Any) -> Any:
        from penstock.process.control import ask_gateway

        return await ask_gateway(self.port, name, question, within=60)

    async def want(self, count: int) -> None:
        await self.ask("pools", {"do": "want", "wants": {"gpu": {"count": count, "why": "the bench says so"}}})

    async def row(self) -> dict[str, Any]:
        return dict((await self.ask("pools", {"do": "standing"}))["pools"].get("gpu") or {})

    async def ready(self, count: int, within: float = 120.0, besides: str = "") -> float:
        """Seconds until so many are ready and nothing else stands."""
        began = time.monotonic()
        while time.monotonic() < began + within:
            replicas = (await self.row())["standing"]["replicas"]
            if [one["state"] for one in replicas] == ["ready"] * count and besides not in [
                one["name"] for one in replicas
            ]:
                return time.monotonic() - began
            await asyncio.sleep(0.05)
        raise TimeoutError(f"not {count} replicas within {within:g} s: {await self.row()}")


@dataclass
class Call:
    """One stream: when it was asked for, seconds until its first word, what was wrong, whether it was moved."""

    at: float
    first: float = 0.0
    wrong: str = ""
    moved: bool = False


async def stream(port: int, words: int) -> Call:
    """Ask, and read to the end. What does not come as it should is wrong."""
    call = Call(time.monotonic())
    body = {"model": "m", "stream": True, "max_tokens": words, "messages": [{"role": "user", "content": "count"}]}
    sent = json.dumps(body).encode()
    fields = f"host: localhost\r\nconnection: close\r\ncontent-length: {len(sent)}\r\n\r\n"
    head = f"POST /v1/chat/completions HTTP/1.1\r\n{fields}"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + sent)
        got = b""
        while more := await reader.read(65536):
            if not call.first and b"#" in got + more:
                call.first = time.monotonic() - call.at
            got += more
        writer.close()
    except OSError as error:
        call.wrong = f"{type(error).__name__}: {error}"
        return call
    told = "".join(re.findall(r'"content":"([^"]*)"', got.decode()))
    if told != "".join(f"#{number} " for number in range(words)) or b"[DONE]" not in got:
        call.wrong = got[:60].decode() + " ... " + got[-300:].decode()
    call.moved = b"is to end" in got
    return call
