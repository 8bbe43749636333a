"""Does the installed package run? ``python smoke.py [FILE]`` in an environment that has it, outside the source tree.

Enters: the file that lists what is compiled in it; nothing is, without. Leaves: exit 0 when that is so, and version,
check, serve, one chat, the dashboard and an orderly stop all work. Fails with AssertionError, or what the gateway said.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

CONFIG = """\
auth: {mode: open}
store: memory
upstreams: {echo: {kind: echo}}
models: {echo: {upstreams: [echo]}}
"""
START_SECONDS = 20.0
STOP_SECONDS = 20.0


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(url: str, body: dict[str, Any] | None = None) -> bytes:
    """The answer's body. Raises OSError when there is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        content: bytes = answer.read()
        return content


def await_ready(base: str, gateway: subprocess.Popen[bytes]) -> None:
    """Returns when the gateway says it is ready; raises when it ended or took too long."""
    until = time.monotonic() + START_SECONDS
    while gateway.poll() is None and time.monotonic() < until:
        try:
            ask(f"{base}/health/ready")
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"not ready after {START_SECONDS} s (exit code {gateway.poll()})")


def chat(base: str) -> None:
    """One whole answer and one stream."""
    question: dict[str, Any] = {"model": "echo", "messages": [{"role": "user", "content": "drip, drop"}]}
    whole = json.loads(ask(f"{base}/v1/chat/completions", question))
    assert "drip, drop" in whole["choices"][0]["message"]["content"], whole
    stream = ask(f"{base}/v1/chat/completions", {**question, "stream": True})
    assert stream.rstrip().endswith(b"data: [DONE]"), stream
    print("chat: answered, whole and streamed")


def dashboard(base: str) -> None:
    """The page, all that it names, and all that this imports."""
    wanted = [name.decode() for name in re.findall(rb'(?:href|src)="(/[^"]+)"', ask(f"{base}/ui"))]
    files: dict[str, bytes] = {}
    while wanted:
        name = wanted.pop()
        if name not in files:
            files[name] = ask(base + name)
            folder = name.rpartition("/")[0]
            wanted += [f"{folder}/{module.decode()}" for module in re.findall(rb'from "\./([^"]+)"', files[name])]
    assert len(files) >= 15, sorted(files)
    print(f"dashboard: {len(files)} files, {sum(map(len, files.values()))} bytes")


def form(listed: list[str]) -> None:
    """What is compiled is what Python takes, and is what is listed."""
    folder = Path(str(importlib.import_module("penstock").__file__)).parent
    compiled = {str(path.relative_to(folder)).partition(".")[0] for path in folder.rglob("*.so")} - {"hot__mypyc"}
    assert compiled == set(listed), sorted(compiled ^ set(listed))
    for name in listed:
        module = importlib.import_module(f"penstock.{name.replace('/', '.')}")
        assert str(module.__file__).endswith(".so"), module
    print(f"form: {len(compiled)} files compiled")


def main() -> int:
    form(Path(sys.argv[1]).read_text().split() if len(sys.argv) > 1 else [])
    command = str(Path(sys.executable).with_name("penstock"))
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.defpath, "HOME": home}
        config = Path(home) / "penstock.yaml"
        config.write_text(CONFIG)
        for words in (["--version"], ["check", str(config)]):
            done = subprocess.run([command, *words], env=environment, check=True, stdout=subprocess.PIPE, text=True)
            print(" ".join(["penstock", words[0]]) + ":", done.stdout.strip().splitlines()[0])
        port = free_port()
        serve = [command, "serve", "--config", str(config), "--port", str(port)]
        gateway = subprocess.Popen(serve, env=environment)
        try:
            await_ready(f"http://127.0.0.1:{port}", gateway)
            chat(f"http://127.0.0.1:{port}")
            dashboard(f"http://127.0.0.1:{port}")
            gateway.send_signal(signal.SIGTERM)
            assert gateway.wait(STOP_SECONDS) == 0, f"exit code {gateway.returncode} after SIGTERM"
        finally:
            gateway.kill()
            gateway.wait()
    print("stop: orderly")
    return 0


if __name__ == "__main__":
    sys.exit(main())
