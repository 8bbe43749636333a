"""Gateways of two worker processes."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.load import chat
from tests.support.running_gateway import RunningGateway, environment, running_gateway
from tests.support.sockets import parse_answers, raw
from tests.support.whole import admin, config, exited, penstock, refuses, until


def pids(gateway: RunningGateway) -> dict[int, int]:
    """By the worker's number."""
    workers = admin(gateway, "/admin/v1/status")["workers"]
    return {worker["worker"]: worker["process"]["pid"] for worker in workers}


def worker_of(answer: bytes) -> int:
    (parsed,) = parse_answers(answer)
    assert parsed.status == 200, answer
    return int(parsed.headers["x-request-id"].removeprefix("req_").partition("x")[0])


async def called(gateway: RunningGateway, count: int) -> list[int]:
    """Which workers answered ``count`` calls, each on a connection of its own."""
    answers = await asyncio.gather(*(raw(gateway.port, chat("m", gateway.key), within=60) for _ in range(count)))
    return [worker_of(answer) for answer in answers]


def test_two_workers_are_seen_as_one_and_a_dead_one_is_replaced_on_its_socket(tmp_path: Path) -> None:
    with running_gateway(tmp_path, config(), None, "--workers", "2") as gateway:
        served = asyncio.run(called(gateway, 40))
        assert set(served) == {0, 1}
        # Whichever answers: all calls are counted, and remembered.
        for _ in range(6):
            metrics = admin(gateway, "/metrics")
            assert (
                'penstock_requests_total{operation="chat",model="m",upstream="echo",status="200",fault="none"} 40'
                in metrics
            )
            assert "penstock_workers 2" in metrics
            rows = admin(gateway, "/admin/v1/calls?count=100")["calls"]
            assert len([row for row in rows if row["operation"] == "chat"]) == 40
            assert admin(gateway, f"/admin/v1/calls/{rows[-1]['id']}") == rows[-1]
        old = pids(gateway)
        assert set(old) == {0, 1}
        os.kill(old[0], signal.SIGKILL)
        until(lambda: not psutil.pid_exists(old[0]))
        # Connections that the kernel hands to the dead one's socket wait there for its successor: none is refused.
        assert set(asyncio.run(called(gateway, 40))) == {0, 1}
        new = until(lambda: (now := pids(gateway)).keys() == {0, 1} and now)
        assert new[0] != old[0]
        assert new[1] == old[1]
        assert "ended by SIGKILL; another follows" in (tmp_path / "log").read_text()
        # SIGTERM to all processes of the service, as service managers send it, drains instead of cutting.
        for pid in new.values():
            os.kill(pid, signal.SIGTERM)
        assert len(asyncio.run(called(gateway, 10))) == 10
        gateway.process.send_signal(signal.SIGTERM)
        assert exited(gateway) == 0
        assert not any(psutil.pid_exists(pid) for pid in new.values())


def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    async def main(gateway: RunningGateway) -> None:
        call = asyncio.ensure_future(raw(gateway.port, chat("slow", gateway.key, words=100, stream=True), within=60))
        await asyncio.to_thread(until, lambda: admin(gateway, "/metrics").find("penstock_in_flight 1") >= 0)
        workers = [psutil.Process(pid) for pid in pids(gateway).values()]
        gateway.process.kill()
        exited(gateway)
        await asyncio.to_thread(until, lambda: refuses(gateway.port))
        (finished,) = parse_answers(await call)
        assert finished.body.endswith(b"data: [DONE]\n\n")  # what was running may finish
        gone, alive = await asyncio.to_thread(psutil.wait_procs, workers, 30)
        assert (len(gone), alive) == (2, [])

    with running_gateway(tmp_path, config(), None, "--workers", "2") as gateway:
        asyncio.run(main(gateway))


def test_a_worker_that_cannot_start_ends_the_gateway_in_words(tmp_path: Path) -> None:
    path = tmp_path / "penstock.yaml"
    path.write_text(
        "upstreams: {x: {kind: vllm, base_url: 'https://127.0.0.1:9', ca_file: penstock.yaml}}\n"
        "models: {x: {upstreams: [x]}}\n"
    )
    done = penstock(tmp_path, "serve", "--config", str(path), "--port", "0", "--workers", "2")
    assert done.returncode == 1
    assert "upstream 'x': its certificate files cannot be used" in done.stderr
    assert "ended with status 1 before it served" in done.stderr
    assert "Traceback" not in done.stderr
    assert "(a key was made, shown this once: sk-pen-" in done.stderr
    one = penstock(tmp_path, "serve", "--config", str(path), "--port", "0")
    assert (one.returncode, one.stderr) == (2, one.stderr)
    assert "upstream 'x': its certificate files cannot be used" in one.stderr


def opened(pid: int, path: Path) -> bool:
    """Whether the process has that file open."""
    return str(path) in [file.path for file in psutil.Process(pid).open_files()]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_log_turns_over_on_sigusr1_and_tells_no_secrets(tmp_path: Path, workers: str) -> None:
    log, old = tmp_path / "gateway.log", tmp_path / "gateway.log.1"
    more = f"observe: {{access_log: all, log_file: {log}}}\n"
    with running_gateway(tmp_path, config(more=more), None, "--workers", workers) as gateway:

        def lines(path: Path) -> list[dict[str, Any]]:
            return [json.loads(line) for line in path.read_text().splitlines() if '"chat"' in line]

        asyncio.run(called(gateway, 20))
        until(lambda: len(lines(log)) == 20)
        log.rename(old)
        gateway.process.send_signal(signal.SIGUSR1)
        until(log.exists)
        if workers == "2":
            until(lambda: all(opened(pid, log) for pid in pids(gateway).values()))  # each opens it for itself
        asyncio.run(called(gateway, 20))
        until(lambda: len(lines(log)) == 20)
        assert len(lines(old)) == 20
        assert {line["status"] for line in lines(log)} == {200}
        text = log.read_text() + old.read_text() + (tmp_path / "log").read_text()
        assert "word" not in text  # neither the prompt nor its echo
        assert gateway.key not in text


FAKE_ENGINE = """
import http.server, json, secrets, sys, threading
class Engine(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b'{"id":"1","object":"chat.completion","choices":[]}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
server.daemon_threads = True
print(json.dumps({"base_url": f"http://127.0.0.1:{server.server_port}/v1", "api_key": secrets.token_hex()}), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
"""


def test_two_workers_share_one_engine_of_the_supervisor(tmp_path: Path) -> None:
    """The engine is played by a script that takes the place of its module."""
    package = tmp_path / "fake" / "sitecustomize.py"
    package.parent.mkdir()
    (tmp_path / "engine.py").write_text(FAKE_ENGINE)
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    package.write_text(
        "import sys\n"
        "if 'penstock' in ' '.join(sys.orig_argv):\n"
        "    import penstock.providers.local.service as service\n"
        f"    service.command = lambda options, model: [sys.executable, {str(tmp_path / 'engine.py')!r}]\n"
    )
    local = f"upstreams: {{l: {{kind: local, model: {tmp_path}/m.gguf}}}}\nmodels: {{m: {{upstreams: [l]}}}}\n"
    path = environment(tmp_path)["PYTHONPATH"] + os.pathsep + str(package.parent)
    with running_gateway(tmp_path, local, {"PYTHONPATH": path}, "--workers", "2") as gateway:

        def engines() -> list[psutil.Process]:
            running = psutil.process_iter(["ppid", "cmdline"])
            ours = [one for one in running if one.info["ppid"] == gateway.process.pid]
            return [one for one in ours if "engine.py" in " ".join(one.info["cmdline"] or ())]

        assert set(asyncio.run(called(gateway, 30))) == {0, 1}
        (engine,) = engines()
        engine.kill()
        until(lambda: [one.pid for one in engines() if one.pid != engine.pid])
        (tmp_path / "penstock.yaml").write_text(config())
        assert admin(gateway, "/admin/v1/reload", "POST")["ok"]
        until(lambda: not engines())  # nobody wants it and nobody uses it
        assert set(asyncio.run(called(gateway, 30))) == {0, 1}
