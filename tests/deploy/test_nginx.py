"""The generated text, and what a real nginx does with it before three real gateways."""

import asyncio
import contextlib
import json
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.deploy.nginx import METHODS, Terms, nginx
from penstock.deploy.pool import pool
from penstock.process.loop import run
from tests.support.gateway import Running, ask, running_gateway
from tests.support.redis_server import free_port
from tests.support.sockets import request

TRUSTING = "listen: {trusted_proxies: [127.0.0.1]}\nauth: {mode: open}\n"
ECHO = "upstreams: {e: {kind: echo, tokens_per_second: 20}}\nmodels: {m: {upstreams: [e]}}\n"
CHAT = {"model": "m", "max_tokens": 4, "messages": [{"role": "user", "content": "one two three four"}]}


def test_the_pool_of_the_specification() -> None:
    text = nginx(pool([f"127.0.0.1:{port}" for port in (8000, 8001, 8002)]), Terms())
    for line in (
        "listen 80;", "proxy_set_header Host $http_host;", "proxy_set_header X-Real-IP $remote_addr;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;", "proxy_set_header X-Forwarded-Proto $scheme;",
        *(f"server 127.0.0.1:{port} max_fails=2 fail_timeout=5s;" for port in (8000, 8001, 8002)),
    ):  # fmt: skip
        assert line in text
    assert "proxy_read_timeout 605s;" in text


def test_a_method_that_nginx_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no method"):
        nginx(pool(["a:1"]), Terms(method="fastest"))


def written(folder: Path, text: str) -> Path:
    path = folder / "nginx.conf"
    temporary = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    path.write_text(
        f"daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{ worker_connections 512; }}\nhttp {{\n    access_log off;\n{temporary}{text}}}\n"
    )
    return path


@pytest.mark.nginx
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("private", [True, False])
def test_nginx_takes_every_method(nginx: str, tmp_path: Path, method: str, private: bool) -> None:
    from penstock.deploy.nginx import nginx as text

    terms = Terms(method=method, listen=f"127.0.0.1:{free_port()}", private=private)
    path = written(tmp_path, text(pool(["127.0.0.1:8000", "127.0.0.1:8001=3", "[::1]:8002"]), terms))
    told = subprocess.run([nginx, "-t", "-p", str(tmp_path), "-c", str(path)], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


@contextlib.asynccontextmanager
async def balanced(
    binary: str, folder: Path, method: str = "round_robin", config: str = TRUSTING + ECHO
) -> AsyncIterator[tuple[int, list[Running]]]:
    """The port of an nginx before three gateways."""
    async with contextlib.AsyncExitStack() as stack:
        gateways = [await stack.enter_async_context(running_gateway(config)) for _ in range(3)]
        port = free_port()
        members = pool([f"127.0.0.1:{one.port}" for one in gateways])
        path = written(folder, nginx(members, Terms(method=method, listen=f"127.0.0.1:{port}")))
        process = await asyncio.create_subprocess_exec(binary, "-p", str(folder), "-c", str(path))
        try:
            until = time.monotonic() + 10
            while True:
                try:
                    if (await ask(port, "GET", "/health")).status == 200:
                        break
                except OSError:
                    assert time.monotonic() < until, (folder / "error.log").read_text()
                    await asyncio.sleep(0.02)
            yield port, gateways
        finally:
            process.terminate()
            await process.wait()


def counts(gateways: list[Running]) -> list[int]:
    observed = [one.gateway.observed for one in gateways]
    return [0 if one is None else len(one.recent.rows(1000)) for one in observed]


@pytest.mark.nginx
def test_calls_go_round_and_callers_are_known_by_their_own_address(nginx: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with balanced(nginx, tmp_path) as (port, gateways):
            for _ in range(12):
                answer = await ask(port, "POST", "/v1/chat/completions", [], CHAT)
                assert answer.status == 200, answer.body
            assert counts(gateways) == [4, 4, 4]

    run(scene())


@pytest.mark.nginx
def test_one_callers_calls_stay_together_by_hash_of_its_session(nginx: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with balanced(nginx, tmp_path, "hash") as (port, gateways):
            for _ in range(9):
                await ask(port, "POST", "/v1/chat/completions", [("x-penstock-session", "s1")], CHAT)
            assert sorted(counts(gateways)) == [0, 0, 9]

    run(scene())


@pytest.mark.nginx
def test_events_pass_as_they_come(nginx: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with balanced(nginx, tmp_path) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = json.dumps(CHAT | {"stream": True, "max_tokens": 12}).encode()
            fields = [("Content-Type", "application/json")]
            writer.write(request("POST", "/v1/chat/completions", fields, body))
            moments = []
            while part := await reader.read(65536):
                moments += [time.monotonic()] * part.count(b"data: ")
            writer.close()
            assert len(moments) > 5
            assert moments[-1] - moments[0] > 0.1, "the first event came well before the last"

    run(scene())


@pytest.mark.nginx
def test_a_gateway_that_dies_is_left_out(nginx: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with balanced(nginx, tmp_path) as (port, gateways):
            gateways[1].gateway.server.stop_accepting()
            gateways[1].gateway.server.abort_all()
            told = Counter[int]()
            for _ in range(12):
                told[(await ask(port, "POST", "/v1/chat/completions", [], CHAT)).status] += 1
            assert told == {200: 12}

    run(scene())


@pytest.mark.nginx
def test_what_operators_see_does_not_pass(nginx: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with balanced(nginx, tmp_path) as (port, _):
            for path in (
                "/metrics",
                "/admin/v1/status",
                "/ui",
                "/ui/app.js",
                "//admin/v1/status",
                "/%61dmin/v1/status",
            ):
                assert (await ask(port, "GET", path)).status in (400, 404), path
            assert (await ask(port, "GET", "/v1/models")).status == 200

    run(scene())
