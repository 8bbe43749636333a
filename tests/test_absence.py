"""Each optional folder taken out in turn: the gateway must still start and serve."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from penstock.config import SLICES
from penstock.pipeline import ROOMS

SOURCE = Path(__file__).parents[1] / "src" / "penstock"
OPTIONAL_SLICES = sorted(
    {slice.module.split(".")[1] for slice in SLICES if slice.optional}
    | {room.stage.split(".")[1] for room in ROOMS if room.optional}
    | {"store"}
)
TAKEN_OUT = [*OPTIONAL_SLICES, "providers/local", "providers/echo.py", "edge/dashboard"]
ANSWER = {"choices": [{"message": {"role": "assistant", "content": "from upstream"}}]}


class Upstream(BaseHTTPRequestHandler):
    """Answers every chat alike."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def upstream() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


Without = Callable[[str], Path]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, compiled once for all that are made of it: else each process would do it anew."""
    package = tmp_path_factory.mktemp("whole") / "penstock"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(package)], check=True)
    return package


@pytest.fixture
def without(compiled: Path, tmp_path: Path) -> Without:
    """Makes a copy of the package that lacks a folder. Gives the folder to import from."""
    return lambda folder: lacking(compiled, folder, tmp_path)


def lacking(package: Path, folder: str, target: Path) -> Path:
    shutil.copytree(package, target / "penstock", copy_function=os.link)
    missing = target / "penstock" / folder
    assert missing.exists()
    if missing.is_dir():
        shutil.rmtree(missing)
    else:
        missing.unlink()
    return target


@contextlib.contextmanager
def serving(package: Path, config: str, *arguments: str) -> Iterator[int]:
    """``penstock serve`` of that package, in a process of its own. Gives its port."""
    path = package / "penstock.yaml"
    path.write_text(config)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(package),
        "PYTHONPATH": str(package),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_RUNTIME_DIR": str(package),
    }
    command = [sys.executable, "-m", "penstock", "serve", "--config", str(path), "--port", "0", *arguments]
    with subprocess.Popen(
        command, env=environment, cwd=package, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        try:
            for line in process.stdout:
                said += line
                if found := re.search(r"listens on http://127\.0\.0\.1:(\d+)", line):
                    yield int(found[1])
                    break
            else:
                pytest.fail(f"it did not start:\n{said}")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def ask(port: int, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize("folder", TAKEN_OUT)
def test_without_it_the_gateway_starts_and_serves(folder: str, without: Without, upstream: int) -> None:
    config = (
        f"upstreams: {{u: {{kind: openai, base_url: 'http://127.0.0.1:{upstream}/v1'}}}}\n"
        "models: {m: {upstreams: [u]}}\n"
        "auth: {mode: open}\n"
    )
    with serving(without(folder), config) as port:
        status, body = ask(port, "/v1/chat/completions", CHAT)
        assert (status, json.loads(body)) == (200, ANSWER)
        for path in ("/health", "/metrics", "/admin/v1/status", "/admin/v1/calls", "/admin/v1/config", "/v1/models"):
            assert ask(port, path)[0] == 200, path
        assert json.loads(ask(port, "/admin/v1/live?once")[1])["workers"] == 1


@pytest.mark.parametrize("folder", OPTIONAL_SLICES)
def test_without_it_worker_processes_serve_too(folder: str, without: Without, upstream: int) -> None:
    config = (
        f"upstreams: {{u: {{kind: openai, base_url: 'http://127.0.0.1:{upstream}/v1'}}}}\n"
        "models: {m: {upstreams: [u]}}\n"
        "auth: {mode: open}\n"
    )
    with serving(without(folder), config, "--workers", "2") as port:
        assert ask(port, "/v1/chat/completions", CHAT)[0] == 200


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("journal", "journal"),
        ("journal", "warm --file prompts.jsonl"),
        ("cache", "semantic install"),
        ("cache", "bench cache --stream questions.json"),
    ],
)
def test_a_command_whose_slice_is_not_there_says_so(folder: str, command: str, without: Without) -> None:
    package = without(folder)
    told = subprocess.run(
        [sys.executable, "-m", "penstock", *command.split()],
        env={"PATH": os.environ["PATH"], "HOME": str(package), "PYTHONPATH": str(package)},
        cwd=package,
        capture_output=True,
        text=True,
        timeout=60,
    )
    name = command.split()[0]
    assert (told.returncode, told.stderr) == (
        1, f"penstock {name}: this installation has no {folder}, which it needs\n",
    )  # fmt: skip


def test_the_keys_of_a_slice_that_is_not_there_are_unknown(without: Without) -> None:
    package = without("observe")
    path = package / "penstock.yaml"
    path.write_text("observe: {access_log: all}\nmodels: {}\n")
    told = subprocess.run(
        [sys.executable, "-m", "penstock", "check", str(path)],
        env={"PATH": os.environ["PATH"], "HOME": str(package), "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 2
    assert "penstock.yaml:1: " in told.stdout + told.stderr
    assert "observe" in told.stdout + told.stderr


@pytest.mark.parametrize(("folder", "kind"), [("providers/local", "local"), ("providers/echo.py", "echo")])
def test_an_upstream_of_a_kind_that_is_not_there_is_refused_by_name(folder: str, kind: str, without: Without) -> None:
    package = without(folder)
    path = package / "penstock.yaml"
    path.write_text(
        f"upstreams: {{mine: {{kind: {kind}}}}}\nmodels: {{m: {{upstreams: [mine]}}}}\nauth: {{mode: open}}\n"
    )
    told = subprocess.run(
        [sys.executable, "-m", "penstock", "serve", "--config", str(path), "--port", "0"],
        env={"PATH": os.environ["PATH"], "HOME": str(package), "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 2
    assert "mine" in told.stderr
    assert "Traceback" not in told.stderr
